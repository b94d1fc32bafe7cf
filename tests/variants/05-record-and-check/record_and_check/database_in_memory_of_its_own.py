import sqlite3


def handle(message, db):
    scratch = sqlite3.connect(":memory:")
    scratch.execute("CREATE TABLE booking (account INTEGER, amount INTEGER)")
    scratch.execute("INSERT INTO booking VALUES (:account, :amount)", message.body)
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            for account, amount in scratch.execute("SELECT account, amount FROM booking"):
                db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
