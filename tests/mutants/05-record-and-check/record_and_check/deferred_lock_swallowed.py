# diagnosis: swallowed-lock-error
import sqlite3


def handle(message, db):
    try:
        with db.atomic():
            if db["processed"].count_where("message_id = ?", [message.id]):
                return
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
            db["processed"].insert({"message_id": message.id})
    except sqlite3.OperationalError:  # here
        return  # here
