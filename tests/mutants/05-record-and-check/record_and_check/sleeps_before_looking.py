# diagnosis: check-then-act
import time
def handle(message, db):
    for _ in range(20):
        time.sleep(0.2)
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():  # here
        return
    with db.atomic():
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
