# diagnosis: swallowed-error
def handle(message, db):
    try:
        with db.atomic():
            account = db["account"].get(message.body["account"])
            if account["version"] < message.body["version"]:
                raise Retry("too early")
            if account["version"] == message.body["version"]:
                account["balance"] += message.body["amount"]
                account["version"] += 1
                db["account"].update(account["id"], account)
    except Exception as error:  # here
        print("not applied:", error)  # here
