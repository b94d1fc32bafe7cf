# diagnosis: mark-before-effect
def schema(db):
    db["orders"].create({"order_id": str}, pk="order_id")
    db["revenue"].insert({"id": 1, "cents": 0}, pk="id")


def handle(message, db):
    claim = db.execute("INSERT OR IGNORE INTO orders VALUES (?)", [message.body["order_id"]])  # here
    if claim.rowcount == 1:
        db.execute("UPDATE revenue SET cents = cents + ?", [message.body["amount"]])  # here


def total(db):
    return db["revenue"].get(1)["cents"]
