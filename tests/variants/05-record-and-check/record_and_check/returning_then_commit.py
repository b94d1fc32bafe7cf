def handle(message, db):
    new = db.execute(
        "INSERT INTO processed VALUES (?) ON CONFLICT DO NOTHING RETURNING message_id",
        [message.id],
    ).fetchall()
    if new:
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
    db.commit()
