# diagnosis: acknowledged-without-effect
import uuid


def pay(order_id, amount, db, send):
    created = db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, str(uuid.uuid4())]).rowcount  # here
    if created:  # here
        return  # here
    key = db["intent"].get(order_id)["key"]
    send(key, order_id, amount)
