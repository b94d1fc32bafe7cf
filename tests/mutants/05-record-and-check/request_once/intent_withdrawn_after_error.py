# diagnosis: key-from-delivery
import uuid


def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, str(uuid.uuid4())])  # here
    (key,) = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()
    try:
        send(key, order_id, amount)
    except ConnectionError:
        db["intent"].delete(order_id)  # here
        raise
