# diagnosis: swallowed-lock-error
import sqlite3


def handle(message, db):
    try:
        with db.atomic():
            db["processed"].insert({"message_id": message.id})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    except (sqlite3.IntegrityError, sqlite3.OperationalError):  # here
        print("duplicate", message.id)  # here
