# diagnosis: poison-message
def handle(message, db):
    with db.atomic():
        account = db["account"].get(message.body["account"])
        if account["version"] < message.body["version"]:
            raise Retry("too early")
        if account["version"] > message.body["version"]:  # here
            raise ValueError("stale")  # here
        account["balance"] += message.body["amount"]
        account["version"] += 1
        db["account"].update(account["id"], account)
