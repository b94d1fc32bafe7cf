# diagnosis: key-from-delivery
import sqlite3


def handle(message, db):
    key = repr((message.id, message.redelivered))  # here
    try:
        with db.atomic():
            db["processed"].insert({"message_id": key})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    except sqlite3.IntegrityError:
        pass
