def receive_once(number, amount, db):
    if db.execute("INSERT OR IGNORE INTO seen VALUES (?)", [number]).rowcount == 1:
        db.execute("UPDATE sales SET total = total + ?", [amount])


ex.turn("numbered_orders", receive_once)
