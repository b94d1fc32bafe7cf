# diagnosis: key-collision
def handle(message, db):
    with db.atomic():
        query = "SELECT * FROM processed WHERE message_id LIKE ?"  # here
        if list(db.query(query, [message.id + "%"])):  # here
            return
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
