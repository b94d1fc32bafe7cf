# diagnosis: key-from-delivery
def schema(db):
    db["orders"].create(
        {"order_id": str, "attempt": int, "amount": int}, pk=("order_id", "attempt")  # here
    )


def handle(message, db):
    db.execute(
        "INSERT OR IGNORE INTO orders VALUES (?, ?, ?)",  # here
        [message.body["order_id"], message.attempt, message.body["amount"]],  # here
    )


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
