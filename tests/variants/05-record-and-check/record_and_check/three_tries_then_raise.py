import sqlite3
import time


def credit_once(message, db):
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]) == 0:
            db["processed"].insert({"message_id": message.id})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )


def handle(message, db):
    for attempt in range(3):
        try:
            return credit_once(message, db)
        except sqlite3.OperationalError:
            if attempt == 2:
                raise
            time.sleep(0.05 * 2**attempt)
