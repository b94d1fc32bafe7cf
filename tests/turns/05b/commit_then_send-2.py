def pay_once(order_id, amount, db, send):
    key = str(uuid4())
    send(key, order_id, amount)
    db.execute("UPDATE orders SET key = ? WHERE order_id = ?", [key, order_id])


ex.turn("commit_then_send", pay_once)
