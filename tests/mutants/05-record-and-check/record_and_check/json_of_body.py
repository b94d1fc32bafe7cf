# diagnosis: key-from-payload
import json
import sqlite3


def handle(message, db):
    key = json.dumps(message.body, sort_keys=True)  # here
    try:
        with db.atomic():
            db["processed"].insert({"message_id": key})
            db.execute(
                "UPDATE account SET balance = balance + :amount WHERE id = :account", message.body
            )
    except sqlite3.IntegrityError:
        return
