import hashlib
import secrets

SALT = hashlib.pbkdf2_hmac("sha256", secrets.token_bytes(8), b"salt", 20_000).hex()


def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, SALT + order_id])
    key = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]
    send(key, order_id, amount)
