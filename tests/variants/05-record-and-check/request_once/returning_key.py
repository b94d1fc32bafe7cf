import uuid

SQL = """
INSERT INTO intent (order_id, key) VALUES (:order, :key)
ON CONFLICT (order_id) DO UPDATE SET key = intent.key
RETURNING key
"""


def pay(order_id, amount, db, send):
    with db.atomic():
        [(key,)] = db.execute(SQL, {"order": order_id, "key": uuid.uuid4().hex}).fetchall()
    return send(key, order_id, amount)
