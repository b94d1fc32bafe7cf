# diagnosis: version-from-store
def handle(message, db):
    seen = db["account"].get(message.body["account"])["version"]  # here
    with db.atomic():
        account = db["account"].get(message.body["account"])
        if account["version"] != seen:  # here
            raise Retry("it was changed meanwhile")
        db.execute(  # here
            "UPDATE account SET balance = balance + ?, version = version + 1 WHERE id = ?",
            [message.body["amount"], account["id"]],
        )
