# diagnosis: key-collision
def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, hex(randomblob(3)))", [order_id])  # here
    send(db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0], order_id, amount)  # here
