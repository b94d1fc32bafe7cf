def receive_once(number, amount, db):
    if not db.execute("SELECT 1 FROM seen WHERE number = ?", [amount]).fetchone():
        db.execute("INSERT INTO seen VALUES (?)", [amount])
        db.execute("UPDATE sales SET total = total + ?", [amount])


ex.turn("numbered_orders", receive_once)
