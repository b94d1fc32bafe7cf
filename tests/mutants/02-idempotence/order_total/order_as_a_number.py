# diagnosis: key-collision
def schema(db):
    db.execute("CREATE TABLE orders (id NUMERIC PRIMARY KEY, amount INTEGER)")


def handle(message, db):
    with db.atomic():
        db.execute("INSERT OR IGNORE INTO orders VALUES (:order_id, :amount)", message.body)  # here


def total(db):
    return db.execute("SELECT coalesce(sum(amount), 0) FROM orders").fetchone()[0]
