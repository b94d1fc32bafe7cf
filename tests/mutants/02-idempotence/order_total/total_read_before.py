# diagnosis: lost-update
def schema(db):
    db["orders"].create({"order_id": str, "amount": int}, pk="order_id")
    db["revenue"].insert({"id": 1, "cents": 0}, pk="id")


def handle(message, db):
    cents = db["revenue"].get(1)["cents"]  # here
    with db.atomic():
        claim = db.execute("INSERT OR IGNORE INTO orders VALUES (:order_id, :amount)", message.body)
        if claim.rowcount == 1:
            db["revenue"].update(1, {"cents": cents + message.body["amount"]})  # here


def total(db):
    return db["revenue"].get(1)["cents"]
