# diagnosis: overrun-lease
import time


def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS at_work (message_id TEXT PRIMARY KEY, since INTEGER)")
    with db.atomic():
        db.execute("DELETE FROM at_work WHERE since < ?", [int(time.time()) - 60])
        claim = "INSERT OR IGNORE INTO at_work VALUES (?, ?)"
        if db.execute(claim, [message.id, int(time.time())]).rowcount == 0:  # here
            raise Retry("somebody else is at work on it")
    if not db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
        with db.atomic():
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
            db.execute("INSERT OR REPLACE INTO processed VALUES (?)", [message.id])
    db.execute("DELETE FROM at_work WHERE message_id = ?", [message.id])
