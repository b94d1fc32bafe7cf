import sqlite3

from redelivery import Retry


def handle(message, db):
    try:
        with db.atomic():
            if not db["processed"].count_where("message_id = ?", [message.id]):
                db["processed"].insert({"message_id": message.id})
                db.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    [message.body["amount"], message.body["account"]],
                )
    except sqlite3.OperationalError as error:
        raise Retry("database is busy") from error
