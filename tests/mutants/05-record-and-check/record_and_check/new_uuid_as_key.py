# diagnosis: key-from-delivery
import sqlite3
import uuid


def handle(message, db):
    token = str(uuid.uuid4())  # here
    try:
        with db.atomic():
            db.execute("INSERT INTO processed VALUES (?)", [token])  # here
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    except sqlite3.IntegrityError:
        return
