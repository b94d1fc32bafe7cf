# diagnosis: key-collision
def pay(order_id, amount, db, send):
    number = db["intent"].count  # here
    db["intent"].insert({"order_id": order_id, "key": f"pay-{number}"}, ignore=True)  # here
    send(db["intent"].get(order_id)["key"], order_id, amount)  # here
