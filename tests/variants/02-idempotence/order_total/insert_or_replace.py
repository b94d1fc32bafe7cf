def schema(db):
    db["orders"].create({"order_id": str, "amount": int}, pk="order_id")


def handle(message, db):
    db["orders"].insert(message.body, pk="order_id", replace=True)


def total(db):
    (cents,) = db.execute("SELECT TOTAL(amount) FROM orders").fetchone()
    return int(cents)
