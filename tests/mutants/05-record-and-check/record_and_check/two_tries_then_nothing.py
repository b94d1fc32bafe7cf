# diagnosis: swallowed-lock-error
import sqlite3
import time


def credit_once(message, db):
    with db.atomic():
        if next(db["processed"].rows_where("message_id = ?", [message.id]), None) is None:
            db["processed"].insert({"message_id": message.id})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )


def handle(message, db):
    for _ in range(2):  # here
        try:
            return credit_once(message, db)
        except sqlite3.OperationalError:  # here
            time.sleep(0.1)  # here
