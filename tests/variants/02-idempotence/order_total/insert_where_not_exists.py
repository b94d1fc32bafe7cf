INSERT = """
    INSERT INTO sale (order_id, amount)
    SELECT :order_id, :amount
    WHERE NOT EXISTS (SELECT 1 FROM sale WHERE order_id = :order_id)
"""


def schema(db):
    db.execute("CREATE TABLE sale (order_id TEXT, amount INTEGER)")


handle = lambda message, db: db.execute(INSERT, message.body)
total = lambda db: db.execute("SELECT COALESCE(SUM(amount), 0) FROM sale").fetchone()[0]
