import sqlite3


def handle(message, db):
    for _ in range(1_000):
        try:
            with db.atomic():
                if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
                    db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
            return
        except sqlite3.OperationalError as error:
            last = error
    raise TimeoutError("a thousand tries") from last
