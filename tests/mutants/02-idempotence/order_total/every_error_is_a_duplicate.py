# diagnosis: swallowed-error
def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, amount INTEGER NOT NULL)")


def handle(message, db):
    try:
        with db.atomic():
            db["orders"].insert(message.body)
    except Exception:  # here
        return  # here


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
