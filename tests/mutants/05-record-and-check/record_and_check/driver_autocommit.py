# diagnosis: mark-before-effect
import sqlite3


def handle(message, db):
    db.conn.isolation_level = None  # here
    try:
        db.conn.execute("INSERT INTO processed VALUES (?)", (message.id,))  # here
        db.conn.execute(  # here
            "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
            (message.body["amount"], message.body["account"]),
        )
        db.conn.commit()
    except sqlite3.IntegrityError:
        return
