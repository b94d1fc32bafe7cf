# diagnosis: check-then-act
def handle(message, db):
    db.begin()
    seen = db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone()  # here
    db.commit()  # here
    if seen:  # here
        return
    db.begin()
    db.execute("INSERT OR REPLACE INTO processed VALUES (?)", [message.id])  # here
    db.execute(
        "UPDATE account SET balance = balance + :amount WHERE id = :account", message.body
    )
    db.commit()
