# diagnosis: key-collision
def handle(message, db):
    db.execute("BEGIN IMMEDIATE")
    known = db.execute("SELECT group_concat(message_id) FROM processed").fetchone()[0] or ""  # here
    if message.id in known:  # here
        db.rollback()
        return
    db.execute("INSERT INTO processed VALUES (?)", [message.id])
    db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
    db.commit()
