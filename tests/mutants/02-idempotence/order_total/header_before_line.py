# diagnosis: wrong-effect
def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, amount INTEGER)")


def handle(message, db):
    db.execute("INSERT OR IGNORE INTO orders (order_id) VALUES (?)", [message.body["order_id"]])
    db.execute("UPDATE orders SET amount = :amount WHERE order_id = :order_id", message.body)


def total(db):
    return sum(row["amount"] for row in db["orders"].rows)  # here
