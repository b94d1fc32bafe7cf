import uuid

_keys = {}


def pay(order_id, amount, db, send):
    if order_id not in _keys:
        with db.atomic():
            db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, uuid.uuid4().hex])
            rows = db.query("SELECT key FROM intent WHERE order_id = :order", {"order": order_id})
            key = next(iter(rows))["key"]
        _keys[order_id] = key  # only what is committed
    send(_keys[order_id], order_id, amount)
