# diagnosis: mark-before-effect
import sqlite3


def handle(message, db):
    conn = db.conn
    try:
        conn.execute("INSERT INTO processed (message_id) VALUES (?)", (message.id,))  # here
    except sqlite3.IntegrityError:
        conn.rollback()
        return
    conn.commit()  # here
    conn.execute(  # here
        "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
        (message.body["amount"], message.body["account"]),
    )
    conn.commit()
