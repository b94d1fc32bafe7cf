# diagnosis: memory-in-process
from functools import lru_cache
from uuid import uuid4


@lru_cache(maxsize=None)  # here
def key_of(order_id):  # here
    return uuid4().hex  # here


def pay(order_id, amount, db, send):
    send(key_of(order_id), order_id, amount)  # here
