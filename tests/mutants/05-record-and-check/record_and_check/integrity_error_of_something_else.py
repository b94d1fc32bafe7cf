# diagnosis: swallowed-error
import sqlite3


def handle(message, db):
    account, amount = message.body["account"], message.body["amount"]
    try:
        with db.atomic():
            db["processed"].insert({"message_id": message.id})
            row = db["account"].get(account)
            db["account"].insert({"id": account, "balance": row["balance"] + amount})  # here
    except sqlite3.IntegrityError:  # here
        print("duplicate", message.id)  # here
