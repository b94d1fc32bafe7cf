# diagnosis: swallowed-lock-error
import sqlite3


def handle(message, db):
    for _ in range(2_000):
        try:
            db.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError:  # here
            continue
    else:
        return
    if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
    db.execute("COMMIT")
