import time


def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, until REAL, token INT, done INT DEFAULT 0)")
    now = time.time()
    row = db.execute(
        "INSERT INTO job (id, until, token) VALUES (:id, :until, 1)"
        " ON CONFLICT (id) DO UPDATE SET until = :until, token = token + 1 WHERE done = 0 AND job.until < :now"
        " RETURNING token",
        {"id": message.id, "until": now + 60, "now": now},
    ).fetchone()
    db.conn.commit()
    if row is None:
        if db.execute("SELECT done FROM job WHERE id = ?", [message.id]).fetchone()[0]:
            return
        raise Retry("it is another's")
    with db.atomic():
        mine = db.execute("UPDATE job SET done = 1 WHERE id = ? AND token = ? AND done = 0", [message.id, row[0]])
        if not mine.rowcount:
            raise Retry("the lease was lost")
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
