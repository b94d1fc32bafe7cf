def handle(message, db):
    with db.atomic():
        sql = "INSERT OR IGNORE INTO processed VALUES (:id) RETURNING message_id"
        for _ in db.query(sql, {"id": message.id}):
            list(
                db.query(
                    "UPDATE account SET balance = balance + ? WHERE id = ? RETURNING balance",
                    [message.body["amount"], message.body["account"]],
                )
            )
