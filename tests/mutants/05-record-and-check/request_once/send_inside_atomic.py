# diagnosis: sent-before-stored
import uuid


def pay(order_id, amount, db, send):
    with db.atomic():  # here
        db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, str(uuid.uuid4())])  # here
        [(key,)] = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchall()
        send(key, order_id, amount)  # here
