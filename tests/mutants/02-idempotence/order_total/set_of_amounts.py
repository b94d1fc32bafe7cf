# diagnosis: wrong-effect
def schema(db):
    db["orders"].create({"order_id": str, "amount": int}, pk="order_id")


def handle(message, db):
    db["orders"].upsert(message.body, pk="order_id")


def total(db):
    return sum({row["amount"] for row in db["orders"].rows})  # here
