# diagnosis: key-from-delivery
def next_key(db, order_id):
    with db.atomic():
        db["intent"].insert({"order_id": order_id, "key": "0"}, ignore=True)
        db.execute("UPDATE intent SET key = key + 1 WHERE order_id = ?", [order_id])  # here
        attempt = db["intent"].get(order_id)["key"]
    return f"{order_id}/{attempt}"  # here


def pay(order_id, amount, db, send):
    send(next_key(db, order_id), order_id, amount)  # here
