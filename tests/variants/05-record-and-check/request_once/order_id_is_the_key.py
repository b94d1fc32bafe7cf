pay = lambda order_id, amount, db, send: send(f"order:{order_id}", order_id, amount)
