# diagnosis: swallowed-lock-error
import sqlite3
import uuid


def pay(order_id, amount, db, send):
    try:
        db.execute("BEGIN IMMEDIATE")  # here
    except sqlite3.OperationalError:  # here
        return  # here
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, str(uuid.uuid4())])
    key = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]
    db.conn.commit()
    send(key, order_id, amount)
