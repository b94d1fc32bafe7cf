# diagnosis: check-then-act
def handle(message, db):
    conn = db.conn
    cur = conn.execute("SELECT message_id FROM processed WHERE message_id = ?", (message.id,))  # here
    if cur.fetchone() is not None:  # here
        return
    conn.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        (message.body["amount"], message.body["account"]),
    )
    conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message.id,))  # here
    conn.commit()
