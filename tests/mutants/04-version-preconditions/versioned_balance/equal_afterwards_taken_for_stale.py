# diagnosis: early-dropped
def handle(message, db):
    body = message.body
    applied = db.execute(  # here
        "UPDATE account SET balance = balance + :amount, version = version + 1"
        " WHERE id = :account AND version = :version",
        body,
    )
    if applied.rowcount == 0:
        stored = db["account"].get(body["account"])["version"]  # here
        if stored < body["version"]:  # here
            raise Retry("too early")
