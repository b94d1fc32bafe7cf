# diagnosis: swallowed-lock-error
import sqlite3


def handle(message, db):
    db.execute("BEGIN IMMEDIATE")
    if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
        )
    try:
        db.execute("COMMIT")
    except sqlite3.OperationalError:  # here
        db.execute("ROLLBACK")
