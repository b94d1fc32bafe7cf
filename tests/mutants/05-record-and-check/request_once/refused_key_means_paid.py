# diagnosis: key-from-payload
import hashlib
import json


def pay(order_id, amount, db, send):
    content = json.dumps({"amount": amount, "currency": "EUR"})  # here
    key = hashlib.sha256(content.encode()).hexdigest()  # here
    db["intent"].insert({"order_id": order_id, "key": key}, ignore=True)
    try:
        send(key, order_id, amount)  # here
    except ValueError:  # here
        print("paid before:", order_id)  # here
