# diagnosis: key-from-delivery
import time

STARTED = int(time.time())


def pay(order_id, amount, db, send):
    send(f"{STARTED}-{order_id}", order_id, amount)  # here
