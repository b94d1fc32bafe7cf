# diagnosis: early-dropped
def handle(message, db):
    with db.atomic():
        account = db["account"].get(message.body["account"])
        if account["version"] != message.body["version"]:  # here
            return  # here
        account["balance"] += message.body["amount"]
        account["version"] += 1
        db["account"].update(account["id"], account)
