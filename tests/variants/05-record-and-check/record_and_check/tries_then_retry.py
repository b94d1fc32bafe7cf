import sqlite3

from redelivery import Retry


def handle(message, db):
    tries = 2
    while tries:
        try:
            with db.conn as conn:
                mark = conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message.id,))
                if mark.rowcount:
                    conn.execute(
                        "UPDATE account SET balance = balance + ? WHERE id = ?",
                        (message.body["amount"], message.body["account"]),
                    )
            return
        except sqlite3.OperationalError:
            tries -= 1
    raise Retry("gave up for now")
