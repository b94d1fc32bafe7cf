def handle(message, db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + :amount WHERE id = :account"
            " AND NOT EXISTS (SELECT 1 FROM processed WHERE message_id = :id)",
            {**message.body, "id": message.id},
        )
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
