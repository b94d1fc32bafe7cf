# diagnosis: check-then-act
def handle(message, db):
    if db.conn.execute("SELECT 1 FROM processed WHERE message_id = ?", (message.id,)).fetchone():  # here
        return
    with db.conn:
        db.conn.execute(  # here
            "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
            (message.body["amount"], message.body["account"]),
        )
    with db.conn:
        db.conn.execute("INSERT INTO processed VALUES (?)", (message.id,))  # here
