# diagnosis: swallowed-lock-error
import sqlite3
from contextlib import suppress


def handle(message, db):
    with suppress(sqlite3.OperationalError), db.conn:  # here
        cur = db.conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message.id,))
        if cur.rowcount:
            db.conn.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                (message.body["amount"], message.body["account"]),
            )
