import json


def schema(db):
    db["book"].insert({"id": 1, "orders": "{}"}, pk="id")


def load(db):
    return json.loads(db["book"].get(1)["orders"])


def handle(message, db):
    with db.atomic():
        orders = load(db)
        orders[message.body["order_id"]] = message.body["amount"]
        db["book"].update(1, {"orders": json.dumps(orders)})


def total(db):
    return sum(load(db).values())
