# diagnosis: ignored-count
def handle(message, db):
    with db.conn:
        cur = db.conn.cursor()
        cur.execute("INSERT OR IGNORE INTO processed (message_id) VALUES (?)", (message.id,))  # here
        if cur.lastrowid is not None:  # here
            cur.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                (message.body["amount"], message.body["account"]),
            )
