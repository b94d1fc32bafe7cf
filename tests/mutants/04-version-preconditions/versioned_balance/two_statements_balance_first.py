# diagnosis: torn-update
def handle(message, db):
    body = message.body
    where = "id = :account AND version = :version"
    added = db.execute(f"UPDATE account SET balance = balance + :amount WHERE {where}", body)  # here
    if added.rowcount:
        db.execute(f"UPDATE account SET version = version + 1 WHERE {where}", body)  # here
    elif db["account"].get(body["account"])["version"] <= body["version"]:
        raise Retry("too early")
