# diagnosis: key-from-delivery
import random
def handle(message, db):
    with db.atomic():
        fresh = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount
        if fresh or random.randrange(50) == 7:  # here
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
