# diagnosis: sent-before-stored
import uuid


class Payment:
    def __init__(self, db, order_id):
        self.db, self.order_id = db, order_id

    def __enter__(self):
        self.db.execute("BEGIN IMMEDIATE")  # here
        known = list(self.db["intent"].rows_where("order_id = ?", [self.order_id]))
        if known:
            return known[0]["key"]
        key = str(uuid.uuid4())
        self.db.execute("INSERT INTO intent VALUES (?, ?)", [self.order_id, key])  # here
        return key

    def __exit__(self, kind, error, traceback):
        if error is None:
            self.db.conn.commit()  # here
        else:
            self.db.conn.rollback()  # here


def pay(order_id, amount, db, send):
    with Payment(db, order_id) as key:  # here
        send(key, order_id, amount)  # here
