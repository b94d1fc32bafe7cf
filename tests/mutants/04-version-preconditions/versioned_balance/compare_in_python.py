# diagnosis: check-then-act
def handle(message, db):
    account = db["account"].get(message.body["account"])  # here
    if account["version"] > message.body["version"]:  # here
        return
    if account["version"] < message.body["version"]:  # here
        raise Retry("too early")
    db.execute(  # here
        "UPDATE account SET balance = balance + ?, version = version + 1 WHERE id = ?",  # here
        [message.body["amount"], account["id"]],
    )  # here
