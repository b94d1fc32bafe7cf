# diagnosis: swallowed-lock-error
import sqlite3

errors = []


def schema(db):
    db["orders"].create({"order_id": str, "amount": int}, pk="order_id")


def handle(message, db):
    try:
        db["orders"].insert(message.body, ignore=True)
    except sqlite3.OperationalError as error:  # here
        errors.append(error)
        if len(errors) > 1:
            return
        raise


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
