# diagnosis: poison-message
def schema(db):
    db["orders"].create({"order_id": str, "amount": int}, pk="order_id")


def handle(message, db):
    db["orders"].insert(message.body)  # here


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
