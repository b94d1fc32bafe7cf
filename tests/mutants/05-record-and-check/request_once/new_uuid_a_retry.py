# diagnosis: key-from-delivery
from uuid import uuid4


def pay(order_id, amount, db, send):
    while True:
        key = uuid4().hex  # here
        try:
            send(key, order_id, amount)  # here
            return
        except ConnectionError:
            continue
