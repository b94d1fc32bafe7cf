# diagnosis: effect-before-mark
import sqlite3

CREDIT = "UPDATE account SET balance = balance + ? WHERE id = ?"


def handle(message, db):
    account, amount = message.body["account"], message.body["amount"]
    db.execute(CREDIT, [amount, account])  # here
    try:
        db["processed"].insert({"message_id": message.id})  # here
    except sqlite3.IntegrityError:
        db.execute(CREDIT, [-amount, account])  # here
