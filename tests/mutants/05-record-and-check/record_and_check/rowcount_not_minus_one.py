# diagnosis: ignored-count
def handle(message, db):
    db.begin()
    cur = db.execute("INSERT INTO processed VALUES (?) ON CONFLICT DO NOTHING", [message.id])  # here
    if cur.rowcount == -1:  # here
        db.rollback()
        return
    db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
    db.commit()
