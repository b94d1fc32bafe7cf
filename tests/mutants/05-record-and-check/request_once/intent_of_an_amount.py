# diagnosis: key-from-payload
import uuid


def pay(order_id, amount, db, send):
    purpose = f"pay {amount}"  # here
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [purpose, uuid.uuid4().hex])  # here
    (key,) = db.execute("SELECT key FROM intent WHERE order_id = ?", [purpose]).fetchone()  # here
    send(key, order_id, amount)  # here
