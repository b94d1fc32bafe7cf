import uuid


def key_for(order_id, db):
    db.execute("BEGIN IMMEDIATE")
    try:
        row = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()
        if row is None:
            row = (str(uuid.uuid4()),)
            db.execute("INSERT INTO intent VALUES (?, ?)", [order_id, row[0]])
        db.commit()
    except BaseException:
        db.rollback()
        raise
    return row[0]


def pay(order_id, amount, db, send):
    send(key_for(order_id, db), order_id, amount)
