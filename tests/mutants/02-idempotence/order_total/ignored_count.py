# diagnosis: ignored-count
def schema(db):
    db["orders"].create({"order_id": str}, pk="order_id")
    db["revenue"].insert({"id": 1, "cents": 0}, pk="id")


def handle(message, db):
    with db.atomic():
        db["orders"].insert({"order_id": message.body["order_id"]}, ignore=True)  # here
        db.execute("UPDATE revenue SET cents = cents + ?", [message.body["amount"]])  # here


def total(db):
    return db["revenue"].get(1)["cents"]
