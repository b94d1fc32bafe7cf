import sqlite3


def handle(message, db):
    with db.atomic():
        try:
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
        except sqlite3.IntegrityError:
            return
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
