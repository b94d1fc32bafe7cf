import sqlite3


def handle(message, db):
    db.execute("BEGIN IMMEDIATE")
    if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
        )
    while True:
        try:
            db.execute("COMMIT")
            return
        except sqlite3.OperationalError:
            continue
