import uuid

from sqlite_utils.db import NotFoundError


def pay(order_id, amount, db, send):
    try:
        key = db["intent"].get(order_id)["key"]
    except NotFoundError:
        key = str(uuid.uuid4())
        db["intent"].insert({"order_id": order_id, "key": key})
    send(key, order_id, amount)
