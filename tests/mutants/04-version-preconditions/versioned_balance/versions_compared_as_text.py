# diagnosis: never-acknowledged
def handle(message, db):
    body = message.body
    applied = db.execute(
        "UPDATE account SET balance = balance + :amount, version = version + 1"
        " WHERE id = :account AND version = :version",
        body,
    ).rowcount
    if not applied:
        stored = db["account"].get(body["account"])["version"]
        if not str(stored) > str(body["version"]):  # here
            raise Retry("too early")  # here
