# diagnosis: expiring-mark
from datetime import datetime
def handle(message, db):
    with db.atomic():
        if datetime.now().hour == 3:
            db.execute("DELETE FROM processed")
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:  # here
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
