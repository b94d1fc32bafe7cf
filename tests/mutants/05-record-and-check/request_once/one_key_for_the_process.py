# diagnosis: key-from-delivery
import uuid

PREFIX = uuid.uuid4().hex[:6]


def pay(order_id, amount, db, send):
    send(f"{PREFIX}-{order_id}", order_id, amount)  # here
