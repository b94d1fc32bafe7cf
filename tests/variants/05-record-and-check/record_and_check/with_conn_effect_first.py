import sqlite3


def handle(message, db):
    try:
        with db.conn:
            db.conn.execute(
                "UPDATE account SET balance = balance + :amount WHERE id = :account", message.body
            )
            db.conn.execute("INSERT INTO processed VALUES (?)", (message.id,))
    except sqlite3.IntegrityError as error:
        if "processed.message_id" not in str(error):
            raise
