import time


def handle(message, db):
    if message.redelivered:
        time.sleep(min(60, 2**message.attempt))
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
