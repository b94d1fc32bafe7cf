import hashlib
import sqlite3


def key_of(message):
    return "payment:" + hashlib.sha256(message.id.encode()).hexdigest()


def handle(message, db):
    try:
        with db.atomic():
            db["processed"].insert({"message_id": key_of(message)})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    except sqlite3.IntegrityError:
        return
