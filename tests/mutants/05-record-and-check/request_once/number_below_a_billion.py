# diagnosis: key-collision
from random import random


def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, str(int(random() * 1e9))])  # here
    key = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]  # here
    send(key, order_id, amount)
