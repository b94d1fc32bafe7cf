# diagnosis: key-from-delivery
import secrets


class Keys:
    salt = secrets.token_hex(1)


def pay(order_id, amount, db, send):
    send(f"{Keys.salt}{order_id}", order_id, amount)  # here
