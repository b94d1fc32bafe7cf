# The lease only keeps two from working at once; the credit itself is conditional on the state, which it changes
# in the same transaction, so an overrun lease does no harm. A crashed holder's lease runs out, and Retry waits for it.
import time


def handle(message, db):
    now = time.time()
    db.execute("CREATE TABLE IF NOT EXISTS work (id TEXT PRIMARY KEY, until REAL, done INT NOT NULL DEFAULT 0)")
    mine = db.execute("""INSERT INTO work (id, until) VALUES (:id, :until)
                         ON CONFLICT (id) DO UPDATE SET until = :until WHERE done = 0 AND work.until < :now""",
                      {"id": message.id, "until": now + 30, "now": now}).rowcount
    if not mine:
        if db.execute("SELECT done FROM work WHERE id = ?", [message.id]).fetchone()[0]:
            return
        raise Retry("somebody is at work on it")
    with db.atomic():
        if db.execute("UPDATE work SET done = 1 WHERE id = ? AND done = 0", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
