# diagnosis: poison-message
def handle(message, db):
    body = message.body
    applied = db.execute(
        "UPDATE account SET balance = balance + :amount, version = version + 1"
        " WHERE id = :account AND version = :version",
        body,
    ).rowcount
    if not applied:
        stored = db["account"].get(body["account"])["version"]
        if stored <= body["version"]:  # here
            raise LookupError(f"expected version {stored}, got {body['version']}")  # here
