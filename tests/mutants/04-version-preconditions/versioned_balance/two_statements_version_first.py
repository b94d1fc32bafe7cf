# diagnosis: torn-update
def handle(message, db):
    body = message.body
    raised = db.execute(  # here
        "UPDATE account SET version = version + 1 WHERE id = :account AND version = :version", body  # here
    ).rowcount  # here
    if raised:
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", body)  # here
    elif db["account"].get(body["account"])["version"] <= body["version"]:
        raise Retry("too early")
