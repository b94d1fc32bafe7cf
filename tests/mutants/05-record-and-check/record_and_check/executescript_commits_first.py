# diagnosis: mark-before-effect
def handle(message, db):
    cur = db.conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message.id,))  # here
    if cur.rowcount == 0:
        return
    amount, account = int(message.body["amount"]), int(message.body["account"])
    db.conn.executescript(f"UPDATE account SET balance = balance + {amount} WHERE id = {account};")  # here
