# diagnosis: early-dropped
PENDING = """
    CREATE TABLE IF NOT EXISTS pending (
        account INTEGER, version INTEGER, amount INTEGER, PRIMARY KEY (account, version)
    )
"""
NEXT = """
    SELECT version, amount FROM pending
    WHERE account = :account AND version = (SELECT version FROM account WHERE id = :account)
"""


def handle(message, db):
    body = message.body
    with db.atomic():
        db.execute(PENDING)
        db.execute("INSERT OR IGNORE INTO pending VALUES (:account, :version, :amount)", body)
        for _ in range(3):
            turn = db.execute(NEXT, body).fetchone()
            if turn is None:
                break
            db.execute(
                "UPDATE account SET balance = balance + ?, version = version + 1 WHERE id = ?",
                [turn[1], body["account"]],
            )
        db.execute(  # here
            "DELETE FROM pending WHERE version < (SELECT version FROM account WHERE id = pending.account)"
        )
