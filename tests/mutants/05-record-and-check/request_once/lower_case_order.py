# diagnosis: key-collision
def pay(order_id, amount, db, send):
    key = f"order:{order_id.lower()}"  # here
    send(key, order_id, amount)  # here
