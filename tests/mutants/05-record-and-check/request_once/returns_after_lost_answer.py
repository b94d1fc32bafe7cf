# diagnosis: gave-up-unanswered
import uuid


def pay(order_id, amount, db, send):
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, str(uuid.uuid4())])
    key = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]
    try:
        send(key, order_id, amount)  # here
    except ConnectionError:  # here
        print("no answer, giving up:", order_id)  # here
