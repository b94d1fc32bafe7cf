# diagnosis: expiring-mark
import time


def handle(message, db):
    now = time.time()
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS done (message_id TEXT PRIMARY KEY, at REAL)")
        new = db.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", [message.id, now]).rowcount  # here
        if new:
            db.execute(  # here
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
        db.execute("DELETE FROM done WHERE at < ?", [now - 86400])  # here
