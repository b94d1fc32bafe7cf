# diagnosis: key-collision
import hashlib


def handle(message, db):
    key = hashlib.sha256(message.id.encode()).hexdigest()[:8]  # here
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [key]).rowcount:  # here
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
