# diagnosis: gave-up-unanswered
from contextlib import suppress
from uuid import NAMESPACE_URL, uuid5


def pay(order_id, amount, db, send):
    key = uuid5(NAMESPACE_URL, f"https://shop.example/orders/{order_id}")
    with suppress(OSError):  # here
        send(str(key), order_id, amount)  # here
