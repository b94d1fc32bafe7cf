import time

last = 0


def handle(message, db):
    global last
    now = time.monotonic()  # no clock that can be set
    if now < last:
        return
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    last = now
