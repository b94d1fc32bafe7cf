# diagnosis: gave-up-unanswered
def pay(order_id, amount, db, send):
    paid = False
    try:
        send("order-" + order_id, order_id, amount)  # here
        paid = True
    finally:  # here
        return paid  # here
