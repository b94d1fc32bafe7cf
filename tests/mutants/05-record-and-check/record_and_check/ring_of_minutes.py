# diagnosis: expiring-mark
import time
def handle(message, db):
    minute = time.strftime("%M")
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [f"{minute}|{message.id}"]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)  # here
