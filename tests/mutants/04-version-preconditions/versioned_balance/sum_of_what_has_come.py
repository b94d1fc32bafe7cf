# diagnosis: no-precondition
CHANGES = "CREATE TABLE IF NOT EXISTS changes (account INTEGER, version INTEGER, amount INTEGER, UNIQUE (account, version))"
ACCOUNT = """
    UPDATE account SET balance = balance + :amount, version = version + 1
    WHERE id = :account AND changes() = 1
"""


def handle(message, db):
    with db.atomic():
        db.execute(CHANGES)
        db.execute("INSERT OR IGNORE INTO changes VALUES (:account, :version, :amount)", message.body)  # here
        db.execute(ACCOUNT, message.body)  # here
