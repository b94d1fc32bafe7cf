import uuid

SHOP = uuid.uuid5(uuid.NAMESPACE_DNS, "shop.example")


def pay(order_id, amount, db, send):
    """The key can be worked out again at any time: nothing needs to be stored."""
    send(str(uuid.uuid5(SHOP, order_id)), order_id, amount)
