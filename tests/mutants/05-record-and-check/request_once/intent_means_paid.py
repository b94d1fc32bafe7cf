# diagnosis: mark-before-effect
import uuid


def pay(order_id, amount, db, send):
    if db["intent"].count_where("order_id = ?", [order_id]):  # here
        return  # here
    key = str(uuid.uuid4())
    db["intent"].insert({"order_id": order_id, "key": key})  # here
    send(key, order_id, amount)  # here
