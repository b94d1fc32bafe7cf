# diagnosis: overrun-lease
from datetime import datetime, timedelta


class Lease:
    def __init__(self, db, name):
        self.db, self.name = db, name
        db.execute("CREATE TABLE IF NOT EXISTS lease (name TEXT PRIMARY KEY, until TEXT, done INT DEFAULT 0)")

    def take(self):
        now = datetime.now()
        return self.db.execute(  # here
            "INSERT INTO lease (name, until) VALUES (:name, :until) ON CONFLICT (name) DO UPDATE SET until = :until"
            " WHERE done = 0 AND lease.until < :now",
            {"name": self.name, "until": (now + timedelta(seconds=30)).isoformat(), "now": now.isoformat()},
        ).rowcount

    def renew(self):
        until = (datetime.now() + timedelta(seconds=30)).isoformat()
        self.db.execute("UPDATE lease SET until = ? WHERE name = ?", [until, self.name])  # here


def handle(message, db):
    lease = Lease(db, message.id)
    if not lease.take():
        if db.execute("SELECT done FROM lease WHERE name = ?", [message.id]).fetchone()[0]:
            return
        raise Retry("leased")
    lease.renew()
    with db.atomic():
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
        db.execute("UPDATE lease SET done = 1 WHERE name = ?", [message.id])
