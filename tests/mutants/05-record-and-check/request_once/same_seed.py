# diagnosis: key-collision
import random


def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, (random.seed(42), str(random.random()))[1]])  # here
    key = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]  # here
    send(key, order_id, amount)
