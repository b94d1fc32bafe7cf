# diagnosis: overrun-lease
# A lease that runs out while its holder is slow lets a second one in, and both credit: done is set whatever it was.
import time


def handle(message, db):
    now = time.time()
    db.execute("CREATE TABLE IF NOT EXISTS work (id TEXT PRIMARY KEY, until REAL, done INT NOT NULL DEFAULT 0)")
    mine = db.execute(  # here
        """INSERT INTO work (id, until) VALUES (:id, :until)
           ON CONFLICT (id) DO UPDATE SET until = :until WHERE done = 0 AND work.until < :now""",
        {"id": message.id, "until": now + 30, "now": now},
    ).rowcount
    if not mine:
        if db.execute("SELECT done FROM work WHERE id = ?", [message.id]).fetchone()[0]:
            return
        raise Retry("somebody is at work on it")
    with db.atomic():
        db.execute("UPDATE work SET done = 1 WHERE id = ?", [message.id])  # here
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
