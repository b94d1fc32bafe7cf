class Sales:
    def __init__(self, db):
        self.db, self.table = db, db["sale"]

    def __contains__(self, order_id):
        return any(row["order_id"] == order_id for row in self.table.rows)

    def add(self, order_id, amount):
        with self.db.atomic():
            if order_id not in self:
                self.table.insert({"order_id": order_id, "amount": amount})

    def cents(self):
        return sum(row["amount"] for row in self.table.rows)


def schema(db):
    db["sale"].create({"order_id": str, "amount": int})


def handle(message, db):
    Sales(db).add(**message.body)


def total(db):
    return Sales(db).cents()
