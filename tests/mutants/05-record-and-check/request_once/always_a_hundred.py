# diagnosis: wrong-effect
import uuid


def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, str(uuid.uuid4())])
    key = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]
    send(key, order_id, 100)  # here
