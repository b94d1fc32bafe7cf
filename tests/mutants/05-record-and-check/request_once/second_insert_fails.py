# diagnosis: unreleased-claim
import uuid


def pay(order_id, amount, db, send):
    key = str(uuid.uuid4())
    db["intent"].insert({"order_id": order_id, "key": key})  # here
    send(key, order_id, amount)
