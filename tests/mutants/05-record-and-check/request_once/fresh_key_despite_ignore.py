# diagnosis: ignored-count
import uuid


def pay(order_id, amount, db, send):
    key = str(uuid.uuid4())
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, key])  # here
    send(key, order_id, amount)  # here
