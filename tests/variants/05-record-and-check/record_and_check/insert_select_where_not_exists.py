MARK = """
INSERT INTO processed (message_id)
SELECT :id WHERE NOT EXISTS (SELECT 1 FROM processed WHERE message_id = :id)
"""


def handle(message, db):
    with db.atomic():
        if db.execute(MARK, {"id": message.id}).rowcount > 0:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
