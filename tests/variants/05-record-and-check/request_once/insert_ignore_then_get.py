from uuid import uuid4


def pay(order_id, amount, db, send):
    intents = db["intent"]
    intents.insert({"order_id": order_id, "key": uuid4().hex}, ignore=True)
    send(intents.get(order_id)["key"], order_id, amount)
