# diagnosis: mark-before-effect
CLAIM = """
INSERT INTO processed (message_id)
SELECT :id WHERE NOT EXISTS (SELECT 1 FROM processed WHERE message_id = :id)
"""
CREDIT = "UPDATE account SET balance = balance + :amount WHERE id = :account"


def handle(message, db):
    if db.execute(CLAIM, {"id": message.id}).rowcount == 1:  # here
        db.execute(CREDIT, message.body)  # here
