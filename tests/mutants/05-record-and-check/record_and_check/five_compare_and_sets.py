# diagnosis: swallowed-conflict
def handle(message, db):
    credit = message.body
    for _ in range(5):
        (old,) = db.execute("SELECT balance FROM account WHERE id = ?", [credit["account"]]).fetchone()
        with db.conn:  # here
            db.execute("BEGIN IMMEDIATE")
            if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
                return
            done = db.execute(
                "UPDATE account SET balance = ? WHERE id = ? AND balance = ?",
                [old + credit["amount"], credit["account"], old],
            )
            if done.rowcount:
                db.execute("INSERT INTO processed VALUES (?)", [message.id])
                return
