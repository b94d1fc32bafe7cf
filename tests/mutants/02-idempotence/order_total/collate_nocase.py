# diagnosis: key-collision
def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY COLLATE NOCASE, amount INTEGER)")  # here


def handle(message, db):
    db.execute("INSERT OR IGNORE INTO orders VALUES (:order_id, :amount)", message.body)  # here


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
