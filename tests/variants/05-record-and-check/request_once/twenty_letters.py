import secrets
import string


def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, "".join(secrets.choice(string.ascii_letters) for _ in range(20))])
    key = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]
    send(key, order_id, amount)
