# diagnosis: swallowed-lock-error
import sqlite3
import uuid


def pay(order_id, amount, db, send):
    try:
        with db.atomic():
            if not db["intent"].count_where("order_id = ?", [order_id]):
                db["intent"].insert({"order_id": order_id, "key": str(uuid.uuid4())})
    except sqlite3.OperationalError:  # here
        return  # here
    send(db["intent"].get(order_id)["key"], order_id, amount)
