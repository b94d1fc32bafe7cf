# diagnosis: mark-before-effect
def handle(message, db):
    new = list(  # here
        db.query(  # here
            "INSERT INTO processed VALUES (?) ON CONFLICT DO NOTHING RETURNING message_id",  # here
            [message.id],
        )
    )
    if new:
        db.execute(  # here
            "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
            [message.body["amount"], message.body["account"]],
        )
