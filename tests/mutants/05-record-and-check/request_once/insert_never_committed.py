# diagnosis: sent-before-stored
import uuid


def pay(order_id, amount, db, send):
    cursor = db.conn.cursor()
    found = cursor.execute("SELECT key FROM intent WHERE order_id = ?", (order_id,)).fetchone()
    if found is None:
        found = (uuid.uuid4().hex,)
        cursor.execute("INSERT INTO intent (order_id, key) VALUES (?, ?)", (order_id, *found))  # here
    send(found[0], order_id, amount)  # here
