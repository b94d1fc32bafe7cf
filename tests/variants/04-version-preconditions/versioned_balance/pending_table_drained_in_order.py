# What comes too early is kept in a table, and applied as soon as its turn comes.
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
        while (turn := db.execute(NEXT, body).fetchone()) is not None:
            version, amount = turn
            db.execute(
                "UPDATE account SET balance = balance + ?, version = version + 1 WHERE id = ?",
                [amount, body["account"]],
            )
        db.execute(
            "DELETE FROM pending WHERE version < (SELECT version FROM account WHERE id = pending.account)"
        )
