# diagnosis: mark-before-effect
import sqlite3


def pay(order_id, amount, db, send):
    try:
        with db.atomic():
            db.execute("INSERT INTO intent VALUES (?, ?)", [order_id, order_id])  # here
    except sqlite3.IntegrityError:  # here
        return  # here
    while True:
        try:
            return send(order_id, order_id, amount)  # here
        except ConnectionError:
            pass
