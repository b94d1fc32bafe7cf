def schema(db):
    db.execute("CREATE TABLE delivery (order_id TEXT, amount INTEGER)")
    db.execute("CREATE VIEW orders AS SELECT DISTINCT order_id, amount FROM delivery")


def handle(message, db):
    with db.conn:
        db.conn.execute("INSERT INTO delivery VALUES (:order_id, :amount)", message.body)


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
