import sqlite3
import uuid


class PaymentClient:
    tries = 2

    def __init__(self, db, send):
        self.db = db
        self.send = send

    def intent(self, order_id):
        key = str(uuid.uuid4())
        try:
            with self.db.atomic():
                self.db.execute("INSERT INTO intent VALUES (?, ?)", [order_id, key])
            return key
        except sqlite3.IntegrityError:
            return self.db["intent"].get(order_id)["key"]

    def pay(self, order_id, amount):
        key = self.intent(order_id)
        error = None
        for _ in range(self.tries):
            try:
                return self.send(key, order_id, amount)
            except ConnectionError as lost:
                error = lost
        raise error


def pay(order_id, amount, db, send):
    return PaymentClient(db, send).pay(order_id, amount)
