# diagnosis: uncommitted-effect
def handle(message, db):
    body = message.body
    db.begin()
    try:
        applied = db.execute(
            "UPDATE account SET balance = balance + :amount, version = version + 1"
            " WHERE id = :account AND version = :version",
            body,
        ).rowcount
        if not applied and db["account"].get(body["account"])["version"] <= body["version"]:
            raise Retry("too early")
    finally:
        db.rollback()  # here
