# diagnosis: no-duplicate-check
def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, amount INTEGER NOT NULL)")


def handle(message, db):
    db.execute(  # here
        """INSERT INTO orders VALUES (:order_id, :amount)
           ON CONFLICT (order_id) DO UPDATE SET amount = amount + excluded.amount""",  # here
        message.body,
    )


def total(db):
    return sum(row["amount"] for row in db["orders"].rows)
