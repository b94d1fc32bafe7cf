import secrets


def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, secrets.token_hex(16)])
    key = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]
    send(key, order_id, amount)
