import time


def handle(message, db):
    for _ in range(20):
        time.sleep(0.2)
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
