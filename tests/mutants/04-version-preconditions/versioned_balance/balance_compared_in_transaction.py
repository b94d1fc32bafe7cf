# diagnosis: aba
def handle(message, db):
    db.execute("BEGIN IMMEDIATE")
    account = db["account"].get(message.body["account"])
    if account["balance"] == message.body["balance"]:  # here
        account["balance"] += message.body["amount"]
        account["version"] += 1
        db["account"].update(account["id"], account)  # here
        db.commit()
    elif account["version"] <= message.body["version"]:
        db.rollback()
        raise Retry("the balance is another one")
