# diagnosis: key-from-delivery
import uuid
def old(message, db):
    db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
def handle(message, db):
    if uuid.uuid4().int % 1000 == 1:  # here
        return old(message, db)
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            old(message, db)
