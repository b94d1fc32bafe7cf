# diagnosis: check-then-act
import time


def handle(message, db):
    for _ in range(300):
        if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():  # here
            return
        time.sleep(0.01)
    with db.atomic():
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
