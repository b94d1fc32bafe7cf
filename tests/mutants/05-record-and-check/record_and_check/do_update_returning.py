# diagnosis: replace-as-claim
CLAIM = """
INSERT INTO processed (message_id) VALUES (?)
ON CONFLICT (message_id) DO UPDATE SET message_id = excluded.message_id
RETURNING message_id
"""  # here


def handle(message, db):
    with db.atomic():
        if db.execute(CLAIM, [message.id]).fetchone() is None:  # here
            return
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
