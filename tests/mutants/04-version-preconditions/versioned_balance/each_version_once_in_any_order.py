# diagnosis: no-precondition
def handle(message, db):
    with db.atomic():
        db.execute(
            "CREATE TABLE IF NOT EXISTS applied (account INTEGER, version INTEGER, PRIMARY KEY (account, version))"
        )
        if db.execute("INSERT OR IGNORE INTO applied VALUES (:account, :version)", message.body).rowcount:  # here
            db.execute(  # here
                "UPDATE account SET balance = balance + :amount, version = version + 1 WHERE id = :account",  # here
                message.body,
            )
