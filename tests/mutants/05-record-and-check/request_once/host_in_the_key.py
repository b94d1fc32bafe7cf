# diagnosis: key-from-delivery
import socket

HOST = socket.gethostname()


def pay(order_id, amount, db, send):
    send(f"{HOST}-{order_id}", order_id, amount)  # here
