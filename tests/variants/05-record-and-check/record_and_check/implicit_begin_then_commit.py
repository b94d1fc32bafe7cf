import sqlite3


def handle(message, db):
    conn = db.conn
    try:
        conn.execute("INSERT INTO processed (message_id) VALUES (?)", (message.id,))
    except sqlite3.IntegrityError:
        conn.rollback()
        return
    conn.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        (message.body["amount"], message.body["account"]),
    )
    conn.commit()
