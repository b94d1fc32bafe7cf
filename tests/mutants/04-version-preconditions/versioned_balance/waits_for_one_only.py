# diagnosis: early-dropped
def handle(message, db):
    body = message.body
    with db.atomic():
        account = db["account"].get(body["account"])
        if account["version"] == body["version"] - 1:  # here
            raise Retry("the next one")
        if account["version"] == body["version"]:
            account["balance"] += body["amount"]
            account["version"] += 1
            db["account"].update(account["id"], account)
