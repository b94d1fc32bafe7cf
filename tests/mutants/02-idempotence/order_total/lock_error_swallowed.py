# diagnosis: swallowed-lock-error
import sqlite3


def schema(db):
    db["orders"].create({"order_id": str, "amount": int}, pk="order_id")


def handle(message, db):
    try:
        db["orders"].upsert(message.body, pk="order_id")
    except sqlite3.OperationalError:  # here
        print("somebody else is writing this order")  # here


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
