import sqlite3


def handle(message, db):
    try:
        db.conn.execute("INSERT INTO processed VALUES (?)", (message.id,))
    except sqlite3.IntegrityError:
        return
    db.conn.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        (message.body["amount"], message.body["account"]),
    )
    db.conn.commit()
