def schema(db):
    db["orders"].create(
        {"order_id": str, "amount": int}, pk="order_id", not_null={"order_id", "amount"}
    )


def handle(message, db):
    db["orders"].insert(message.body, ignore=True)


def total(db):
    [row] = db.query("SELECT COALESCE(SUM(amount), 0) AS cents FROM orders")
    return row["cents"]
