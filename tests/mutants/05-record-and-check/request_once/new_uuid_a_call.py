# diagnosis: key-from-delivery
import uuid


def pay(order_id, amount, db, send):
    send(str(uuid.uuid4()), order_id, amount)  # here
