# diagnosis: key-collision
def schema(db):
    db["orders"].create({"order_id": str, "amount": int}, pk="order_id")


def handle(message, db):
    order_id = message.body["order_id"].strip().lower()  # here
    db["orders"].insert({"order_id": order_id, "amount": message.body["amount"]}, ignore=True)  # here


def total(db):
    return sum(row["amount"] for row in db["orders"].rows)
