# diagnosis: key-from-delivery
import uuid


def new_key():
    return str(uuid.uuid4())  # here


def pay(order_id, amount, db, send):
    db["intent"].insert({"order_id": order_id, "key": new_key()}, ignore=True)
    try:
        send(db["intent"].get(order_id)["key"], order_id, amount)
    except ConnectionError:
        # The service may have spoilt the old key.
        db["intent"].update(order_id, {"key": new_key()})  # here
        raise
