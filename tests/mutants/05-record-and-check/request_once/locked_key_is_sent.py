# diagnosis: swallowed-lock-error
import sqlite3
import uuid


def pay(order_id, amount, db, send):
    key = uuid.uuid4().hex
    try:
        with db.atomic():
            row = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()
            if row is None:
                db.execute("INSERT INTO intent VALUES (?, ?)", [order_id, key])  # here
            else:
                key = row[0]
    except sqlite3.OperationalError:  # here
        print("no time to store the key of", order_id)  # here
    send(key, order_id, amount)  # here
