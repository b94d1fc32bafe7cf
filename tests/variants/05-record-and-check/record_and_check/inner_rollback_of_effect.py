import sqlite3


class Duplicate(Exception):
    pass


def mark(db, message_id):
    try:
        db.execute("INSERT INTO processed VALUES (?)", [message_id])
    except sqlite3.IntegrityError as error:
        raise Duplicate(message_id) from error


def handle(message, db):
    try:
        with db.atomic():
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
            mark(db, message.id)
    except Duplicate:
        return
