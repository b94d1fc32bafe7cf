# diagnosis: sent-before-stored
import uuid


def pay(order_id, amount, db, send):
    row = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()
    key = row[0] if row else str(uuid.uuid4())
    send(key, order_id, amount)  # here
    if not row:
        db.execute("INSERT INTO intent VALUES (?, ?)", [order_id, key])  # here
