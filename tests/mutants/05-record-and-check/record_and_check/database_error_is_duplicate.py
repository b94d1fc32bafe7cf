# diagnosis: swallowed-lock-error
import sqlite3


def handle(message, db):
    with db.atomic():
        try:
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
        except sqlite3.DatabaseError:  # here
            return  # here
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
