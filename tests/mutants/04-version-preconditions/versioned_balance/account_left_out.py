# diagnosis: wrong-effect
def handle(message, db):
    body = message.body
    applied = db.execute(  # here
        "UPDATE account SET balance = balance + :amount, version = version + 1 WHERE version = :version",  # here
        body,
    ).rowcount
    if not applied and db["account"].get(body["account"])["version"] <= body["version"]:
        raise Retry("too early")
