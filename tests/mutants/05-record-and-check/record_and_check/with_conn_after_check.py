# diagnosis: check-then-act
def handle(message, db):
    ids = [row["message_id"] for row in db.query("SELECT message_id FROM processed")]  # here
    if message.id in ids:  # here
        return
    with db.conn:
        db.conn.execute(
            "UPDATE account SET balance = balance + :amount WHERE id = :account", message.body
        )
        db.conn.execute("REPLACE INTO processed VALUES (?)", (message.id,))  # here
