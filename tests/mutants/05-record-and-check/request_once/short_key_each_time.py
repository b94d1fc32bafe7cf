# diagnosis: key-from-delivery
import secrets


def pay(order_id, amount, db, send):
    send(f"{order_id}-{secrets.token_hex(2)}", order_id, amount)  # here
