APPLY = """
UPDATE account
SET balance = balance + :amount, version = version + 1
WHERE id = :account AND version = :version
RETURNING version
"""
TOO_EARLY = "SELECT 1 FROM account WHERE id = :account AND version < :version"


def handle(message, db):
    with db.atomic():
        if list(db.query(APPLY, message.body)):
            return
        if list(db.query(TOO_EARLY, message.body)):
            raise Retry("too early")
