# diagnosis: key-from-delivery
def handle(message, db):
    if 10 <= message.attempt <= 100:  # here
        return
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
