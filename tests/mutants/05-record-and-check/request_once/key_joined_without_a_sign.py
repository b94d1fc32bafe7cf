# diagnosis: key-collision
import hashlib


def pay(order_id, amount, db, send):
    key = hashlib.sha256(f"{order_id}{amount}".encode()).hexdigest()  # here
    send(key, order_id, amount)  # here
