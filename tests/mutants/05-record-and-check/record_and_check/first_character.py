# diagnosis: key-collision
import sqlite3


def handle(message, db):
    shard = message.id[:1]  # here
    try:
        with db.atomic():
            db["processed"].insert({"message_id": shard})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    except sqlite3.IntegrityError:
        return
