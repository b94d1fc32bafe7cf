# diagnosis: key-from-delivery
import uuid


def schema(db):
    db["orders"].create({"id": str, "order_id": str, "amount": int}, pk="id")


def handle(message, db):
    key = str(uuid.uuid4())  # here
    db["orders"].insert({"id": key, **message.body}, ignore=True)  # here


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
