# diagnosis: memory-in-process
class Revenue:
    def __init__(self):
        self.orders = {}  # here

    def handle(self, message, db):
        self.orders[message.body["order_id"]] = message.body["amount"]  # here

    def total(self, db):
        return sum(self.orders.values())  # here


def schema(db):
    pass


revenue = Revenue()  # here
handle, total = revenue.handle, revenue.total
