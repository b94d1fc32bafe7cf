# diagnosis: lost-update
import sqlite3


def handle(message, db):
    row = db["account"].get(message.body["account"])  # here
    row["balance"] += message.body["amount"]  # here
    try:
        with db.atomic():
            db["processed"].insert({"message_id": message.id})
            db["account"].update(row["id"], {"balance": row["balance"]})  # here
    except sqlite3.IntegrityError:
        return
