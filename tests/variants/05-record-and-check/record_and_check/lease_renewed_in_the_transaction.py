import time


def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS lease (id TEXT PRIMARY KEY, until INTEGER)")
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
        return
    until = int(time.time()) + 30
    with db.atomic():
        db.execute("DELETE FROM lease WHERE until < ?", [int(time.time())])
        if not db.execute("INSERT OR IGNORE INTO lease VALUES (?, ?)", [message.id, until]).rowcount:
            raise Retry("leased")
    with db.atomic():
        renewed = db.execute("UPDATE lease SET until = until + 30 WHERE id = ? AND until = ?", [message.id, until])
        if not renewed.rowcount:
            raise Retry("the lease has been lost")
        if not db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
