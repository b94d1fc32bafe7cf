def handle(message, db):
    db.execute("BEGIN IMMEDIATE")
    try:
        seen = db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone()
        if seen is None:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
        db.commit()
    except Exception:
        db.rollback()
        raise
