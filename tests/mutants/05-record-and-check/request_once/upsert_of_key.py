# diagnosis: replace-as-claim
import uuid


def pay(order_id, amount, db, send):
    db["intent"].upsert({"order_id": order_id, "key": uuid.uuid4().hex}, pk="order_id")  # here
    intent = db["intent"].get(order_id)
    send(intent["key"], order_id, amount)  # here
