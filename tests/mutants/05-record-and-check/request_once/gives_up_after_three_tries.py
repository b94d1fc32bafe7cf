# diagnosis: gave-up-unanswered
import time


def pay(order_id, amount, db, send):
    for pause in (0.1, 1, 10):
        try:
            send(f"shop-{order_id}", order_id, amount)  # here
            return
        except ConnectionError:  # here
            time.sleep(pause)
