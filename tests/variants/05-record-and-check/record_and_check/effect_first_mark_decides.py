import sqlite3


def handle(message, db):
    try:
        with db.atomic():
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
    except sqlite3.IntegrityError:
        print(f"{message.id} was processed before")
