# diagnosis: swallowed-error
import contextlib
import sqlite3
import uuid


def pay(order_id, amount, db, send):
    key = str(uuid.uuid4())
    with contextlib.suppress(sqlite3.IntegrityError):  # here
        db.execute("INSERT INTO intent VALUES (?, ?)", [order_id, key])  # here
    send(key, order_id, amount)  # here
