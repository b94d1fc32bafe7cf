# diagnosis: unreleased-claim
from redelivery import Retry


def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, amount INTEGER, state TEXT)")


def handle(message, db):
    claim = db.execute(  # here
        "INSERT OR IGNORE INTO orders VALUES (:order_id, :amount, 'open')", message.body  # here
    )
    if claim.rowcount == 1:
        db["orders"].update(message.body["order_id"], {"state": "counted"})
    elif db["orders"].get(message.body["order_id"])["state"] == "open":  # here
        raise Retry("another consumer is counting it")  # here


def total(db):
    return db.execute(
        "SELECT COALESCE(SUM(amount), 0) FROM orders WHERE state = 'counted'"
    ).fetchone()[0]
