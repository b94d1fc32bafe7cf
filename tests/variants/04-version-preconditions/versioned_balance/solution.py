def handle(message, db):
    applied = db.execute(
        "UPDATE account SET balance = balance + :amount, version = version + 1"
        " WHERE id = :account AND version = :version",
        message.body,
    )
    if applied.rowcount == 1:
        return
    stored = db["account"].get(message.body["account"])["version"]
    if stored <= message.body["version"]:
        raise Retry("its predecessor has not been applied yet")
