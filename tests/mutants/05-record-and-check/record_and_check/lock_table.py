# diagnosis: unreleased-claim
import sqlite3

from redelivery import Retry


def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS lock (message_id TEXT PRIMARY KEY)")
    try:
        db.execute("INSERT INTO lock VALUES (?)", [message.id])  # here
    except sqlite3.IntegrityError:
        raise Retry("locked by another consumer")  # here
    with db.atomic():
        if not list(db["processed"].rows_where("message_id = ?", [message.id])):
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    db.execute("DELETE FROM lock WHERE message_id = ?", [message.id])  # here
