# diagnosis: ignored-count
import sqlite3


def handle(message, db):
    try:
        with db.conn:
            db.conn.execute(  # here
                "INSERT INTO processed VALUES (?) ON CONFLICT (message_id) DO NOTHING",  # here
                (message.id,),
            )
            db.conn.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                (message.body["amount"], message.body["account"]),
            )
    except sqlite3.IntegrityError:
        return
