# diagnosis: key-from-delivery
import os

PID = os.getpid()


def pay(order_id, amount, db, send):
    send(f"{PID}-{order_id}", order_id, amount)  # here
