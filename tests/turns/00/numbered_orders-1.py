def receive_once(number, amount, db):
    db.execute("UPDATE sales SET total = total + ?", [amount])


ex.turn("numbered_orders", receive_once)
