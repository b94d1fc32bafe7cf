# diagnosis: check-then-act
def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, message_id TEXT, amount INTEGER)")


def handle(message, db):
    order, amount = message.body["order_id"], message.body["amount"]
    if db.execute("SELECT 1 FROM orders WHERE order_id = ?", [order]).fetchone():  # here
        return
    db.execute(  # here
        "INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT (order_id) DO UPDATE"
        " SET amount = amount + excluded.amount WHERE message_id = excluded.message_id",
        [order, message.id, amount],
    )


def total(db):
    return db.execute("SELECT coalesce(sum(amount), 0) FROM orders").fetchone()[0]
