# diagnosis: key-from-delivery
def handle(message, db):
    with db.atomic():
        if message.redelivered and db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():  # here
            return
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
