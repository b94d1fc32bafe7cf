# diagnosis: key-collision
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id[-4:]]).rowcount:  # here
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
