# diagnosis: mark-before-effect
import sqlite3

from redelivery import Retry


def handle(message, db):
    with db.atomic():
        if next(db["processed"].rows_where("message_id = ?", [message.id]), None):
            return
        db.execute("INSERT INTO processed VALUES (?)", [message.id])  # here
    try:
        with db.atomic():
            db.execute(  # here
                "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
                [message.body["amount"], message.body["account"]],
            )
    except sqlite3.OperationalError as error:
        db["processed"].delete(message.id)
        raise Retry("busy") from error
