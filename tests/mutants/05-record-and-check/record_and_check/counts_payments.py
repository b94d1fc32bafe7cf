# diagnosis: wrong-effect
import sqlite3


def handle(message, db):
    try:
        with db.atomic():
            db["processed"].insert({"message_id": message.id})
            db.execute("UPDATE account SET balance = balance + 1 WHERE id = :account", message.body)  # here
    except sqlite3.IntegrityError:
        return
