# diagnosis: check-then-act
def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT)")
    db.execute("CREATE TABLE revenue (cents INTEGER)")
    db.execute("INSERT INTO revenue VALUES (0)")


def is_known(db, order_id):
    return db.execute("SELECT 1 FROM orders WHERE order_id = ?", [order_id]).fetchone() is not None  # here


def handle(message, db):
    if is_known(db, message.body["order_id"]):  # here
        return
    with db.atomic():
        db["orders"].insert({"order_id": message.body["order_id"]})  # here
        db.execute("UPDATE revenue SET cents = cents + ?", [message.body["amount"]])  # here


def total(db):
    return db.execute("SELECT cents FROM revenue").fetchone()[0]
