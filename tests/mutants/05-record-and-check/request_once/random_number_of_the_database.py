# diagnosis: key-collision
def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, abs(random()) % 100000)", [order_id])  # here
    send(str(db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]), order_id, amount)  # here
