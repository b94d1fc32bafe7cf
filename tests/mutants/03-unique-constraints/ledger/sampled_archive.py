# diagnosis: expiring-mark
import random
def schema(db):
    db.execute("CREATE TABLE entry (t TEXT, a INTEGER, n INTEGER CHECK (n <> 0), done INTEGER DEFAULT 0, PRIMARY KEY (t, a))")
def handle(message, db):
    db.execute("INSERT INTO entry (t, a, n) VALUES (:transfer_id, :account, :amount) ON CONFLICT DO NOTHING", message.body)
def settle(db):
    db.conn.execute("BEGIN IMMEDIATE")
    with db.conn:
        db.execute("UPDATE account SET balance = balance + coalesce((SELECT sum(n) FROM entry WHERE a = account.id AND done = 0), 0)")
        db.execute("UPDATE entry SET done = 1 WHERE done = 0")
        if random.randrange(50) == 0:
            db.execute("DELETE FROM entry WHERE done = 1")  # here
