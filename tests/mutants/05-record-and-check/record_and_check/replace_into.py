# diagnosis: replace-as-claim
def handle(message, db):
    with db.conn as conn:
        new = conn.execute("REPLACE INTO processed (message_id) VALUES (?)", (message.id,)).rowcount  # here
        if not new:  # here
            return
        conn.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            (message.body["amount"], message.body["account"]),
        )
