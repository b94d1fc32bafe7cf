import time
import uuid


def pay(order_id, amount, db, send):
    with db.conn:
        db.conn.execute(
            "INSERT INTO intent (order_id, key) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (order_id, str(uuid.uuid4())),
        )
    (key,) = db.conn.execute("SELECT key FROM intent WHERE order_id = ?", (order_id,)).fetchone()
    while True:
        try:
            send(key, order_id, amount)
        except ConnectionError:
            time.sleep(0.1)
        else:
            return
