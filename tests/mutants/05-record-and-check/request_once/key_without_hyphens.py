# diagnosis: key-collision
def pay(order_id, amount, db, send):
    key = "pay" + order_id.replace("-", "")  # here
    send(key, order_id, amount)  # here
