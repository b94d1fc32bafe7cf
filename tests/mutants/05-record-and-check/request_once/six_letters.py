# diagnosis: key-collision
import random
import string


def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, "".join(random.choices(string.ascii_letters, k=6))])  # here
    key = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]  # here
    send(key, order_id, amount)
