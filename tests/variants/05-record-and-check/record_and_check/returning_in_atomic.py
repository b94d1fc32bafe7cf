def handle(message, db):
    with db.atomic():
        row = db.execute(
            "INSERT INTO processed VALUES (?) ON CONFLICT DO NOTHING RETURNING message_id",
            [message.id],
        ).fetchone()
        if row:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
