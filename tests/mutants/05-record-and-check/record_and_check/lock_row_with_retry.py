# diagnosis: unreleased-claim
import sqlite3

from redelivery import Retry


def handle(message, db):
    lock = f"lock:{message.id}"
    try:
        db["processed"].insert({"message_id": lock})  # here
    except sqlite3.IntegrityError:
        raise Retry("another consumer is at work")  # here
    with db.atomic():
        if not db["processed"].count_where("message_id = ?", [message.id]):
            db["processed"].insert({"message_id": message.id})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    db["processed"].delete(lock)  # here
