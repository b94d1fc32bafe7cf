# diagnosis: uncommitted-effect
def handle(message, db):
    cur = db.conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message.id,))
    if cur.rowcount == 0:
        return
    db.conn.execute(  # here
        "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
        (message.body["amount"], message.body["account"]),
    )  # here
