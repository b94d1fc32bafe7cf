# diagnosis: check-then-act
def compare(db, body):
    (stored,) = db.execute("SELECT version FROM account WHERE id = :account", body).fetchone()  # here
    return body["version"] - stored  # here


def handle(message, db):
    difference = compare(db, message.body)  # here
    if difference > 0:
        raise Retry("too early")
    if difference == 0:  # here
        db.execute("BEGIN IMMEDIATE")  # here
        db.execute("UPDATE account SET version = version + 1 WHERE id = :account", message.body)  # here
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)  # here
        db.execute("COMMIT")
