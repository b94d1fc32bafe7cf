# diagnosis: expiring-mark
import time
def handle(message, db):
    mark = f"{message.id}#{int(time.time()) % 60}"
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [mark]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)  # here
