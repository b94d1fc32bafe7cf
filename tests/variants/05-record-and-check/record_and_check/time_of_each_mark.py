import time


def handle(message, db):
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS done (message_id TEXT PRIMARY KEY, at REAL)")
        if db.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", [message.id, time.time()]).rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
