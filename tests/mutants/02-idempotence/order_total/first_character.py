# diagnosis: key-collision
def schema(db):
    db.execute("CREATE TABLE orders (order_id CHAR(1) PRIMARY KEY, amount INTEGER)")


def handle(message, db):
    key = message.body["order_id"][:1]  # here
    db["orders"].insert({"order_id": key, "amount": message.body["amount"]}, ignore=True)  # here


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
