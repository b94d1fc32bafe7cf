# diagnosis: expiring-mark
import time


def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS seen (message_id TEXT PRIMARY KEY, at REAL)")
    with db.atomic():
        db.execute("DELETE FROM seen WHERE at < ?", [time.time() - 24 * 3600])
        if db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", [message.id, time.time()]).rowcount:  # here
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
