# diagnosis: key-collision
def schema(db):
    db["orders"].create({"order_id": str, "amount": int}, pk="order_id")


def handle(message, db):
    with db.atomic():
        if db["orders"].count_where("order_id LIKE ? || '%'", [message.body["order_id"]]):  # here
            return
        db["orders"].insert(message.body)


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
