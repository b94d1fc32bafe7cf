# diagnosis: check-then-act
def handle(message, db):
    cur = db.conn.cursor()
    cur.execute("SELECT count(*) FROM processed WHERE message_id = ?", (message.id,))  # here
    if cur.fetchone()[0]:
        return
    cur.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        (message.body["amount"], message.body["account"]),
    )
    db.conn.commit()  # here
    cur.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message.id,))  # here
    db.conn.commit()
