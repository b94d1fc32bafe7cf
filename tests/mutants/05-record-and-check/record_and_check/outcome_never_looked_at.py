# diagnosis: swallowed-lock-error
import sqlite3


def try_to_apply(message, db):
    try:
        with db.atomic():
            if not list(db["processed"].rows_where("message_id = ?", [message.id])):
                db["processed"].insert({"message_id": message.id})
                db.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    [message.body["amount"], message.body["account"]],
                )
        return True
    except sqlite3.OperationalError:  # here
        return False  # here


def handle(message, db):
    try_to_apply(message, db)  # here
