def handle(message, db):
    cur = db.conn.cursor()
    cur.execute("BEGIN IMMEDIATE")
    cur.execute("SELECT count(*) FROM processed WHERE message_id = ?", (message.id,))
    (count,) = cur.fetchone()
    if count == 0:
        cur.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            (message.body["amount"], message.body["account"]),
        )
        cur.execute("INSERT INTO processed VALUES (?)", (message.id,))
    db.conn.commit()
    cur.close()
