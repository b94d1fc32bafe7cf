# diagnosis: ignored-count
import sqlite3


def handle(message, db):
    try:
        with db.atomic():
            db["processed"].upsert({"message_id": message.id}, pk="message_id")  # here
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    except sqlite3.IntegrityError:
        print("seen before")
