import sqlite3


def handle(message, db):
    with db.atomic():
        try:
            with db.atomic():
                db["processed"].insert({"message_id": message.id})
        except sqlite3.IntegrityError:
            return
        with db.atomic():
            db["account"].update(
                message.body["account"],
                {"balance": message.body["amount"]},
                conversions={"balance": "balance + ?"},
            )
