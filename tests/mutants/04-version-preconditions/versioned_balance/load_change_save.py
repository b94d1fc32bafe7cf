# diagnosis: lost-update
def handle(message, db):
    account = db["account"].get(message.body["account"])  # here
    if account["version"] < message.body["version"]:
        raise Retry("too early")
    if account["version"] == message.body["version"]:  # here
        account["balance"] += message.body["amount"]  # here
        account["version"] += 1  # here
        db["account"].upsert(account, pk="id")  # here
