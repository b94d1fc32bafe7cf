# diagnosis: memory-in-process
import uuid

keys = {}  # here


def pay(order_id, amount, db, send):
    if order_id not in keys:  # here
        keys[order_id] = str(uuid.uuid4())  # here
    send(keys[order_id], order_id, amount)  # here
