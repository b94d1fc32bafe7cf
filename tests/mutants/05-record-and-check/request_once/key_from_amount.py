# diagnosis: key-from-payload
def pay(order_id, amount, db, send):
    key = f"payment-of-{amount}"  # here
    send(key, order_id, amount)  # here
