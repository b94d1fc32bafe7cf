# diagnosis: mark-before-effect
import sqlite3


def handle(message, db):
    try:
        db["processed"].insert({"message_id": message.id})  # here
    except sqlite3.IntegrityError:
        return
    account = message.body["account"]
    db["account"].update(  # here
        account, {"balance": message.body["amount"]}, conversions={"balance": "balance + ?"}  # here
    )
