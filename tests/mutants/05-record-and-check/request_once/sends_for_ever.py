# diagnosis: endless-loop
from uuid import NAMESPACE_OID, uuid5


def pay(order_id, amount, db, send):
    key = str(uuid5(NAMESPACE_OID, order_id))
    while True:  # here
        try:
            send(key, order_id, amount)  # here
        except ConnectionError:
            continue
