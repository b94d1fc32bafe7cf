import uuid

PAID = "paid"


def pay(order_id, amount, db, send):
    db["intent"].insert({"order_id": order_id, "key": str(uuid.uuid4())}, ignore=True)
    key = db["intent"].get(order_id)["key"]
    if key == PAID:
        return
    send(key, order_id, amount)
    db.execute("UPDATE intent SET key = ? WHERE order_id = ?", [PAID, order_id])
