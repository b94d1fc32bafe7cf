def pay_once(order_id, amount, db, send):
    with db.atomic():
        db.execute("UPDATE orders SET key = ? WHERE order_id = ? AND key IS NULL", [str(uuid4()), order_id])
        [key] = db.execute("SELECT key FROM orders WHERE order_id = ?", [order_id]).fetchone()
    send(key, order_id, amount)


ex.turn("commit_then_send", pay_once)
