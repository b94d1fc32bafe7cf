def handle(message, db):
    with db.atomic():
        account = db["account"].get(message.body["account"])
        difference = message.body["version"] - account["version"]
        if difference > 0:
            raise Retry("too early")
        if difference == 0:
            account["balance"] += message.body["amount"]
            account["version"] += 1
            db["account"].update(account["id"], account)
