# diagnosis: key-from-payload
def schema(db):
    db["orders"].create({"order_id": str, "amount": int}, pk="order_id")


def handle(message, db):
    amount = message.body["amount"]
    with db.atomic():
        if db["orders"].count_where("amount = ?", [amount]):  # here
            return  # here
        db["orders"].insert({"order_id": message.body["order_id"], "amount": amount})


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
