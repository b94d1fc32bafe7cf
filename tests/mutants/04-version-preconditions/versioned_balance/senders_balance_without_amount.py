# diagnosis: wrong-effect
def handle(message, db):
    body = message.body
    applied = db.execute(  # here
        "UPDATE account SET balance = :balance, version = version + 1"  # here
        " WHERE id = :account AND version = :version",  # here
        body,
    ).rowcount  # here
    if not applied and db["account"].get(body["account"])["version"] <= body["version"]:
        raise Retry("too early")
