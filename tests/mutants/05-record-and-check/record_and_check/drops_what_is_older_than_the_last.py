# diagnosis: memory-in-process
import time

last = 0


def handle(message, db):
    global last
    now = time.time()
    if now < last:  # here
        return
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    last = now
