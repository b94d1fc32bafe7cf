# diagnosis: expiring-mark
import random
def handle(message, db):
    with db.atomic():
        if random.random() < 0.01:
            db.execute("DELETE FROM processed WHERE message_id <> ?", [message.id])  # here
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
