# diagnosis: effect-before-mark
def schema(db):
    db["orders"].create({"order_id": str}, pk="order_id")
    db["revenue"].insert({"id": 1, "cents": 0}, pk="id")


def handle(message, db):
    db.execute("BEGIN IMMEDIATE")
    try:
        if db["orders"].count_where("order_id = ?", [message.body["order_id"]]):
            return
        db.execute("UPDATE revenue SET cents = cents + ?", [message.body["amount"]])  # here
        db.commit()  # here
        db["orders"].insert({"order_id": message.body["order_id"]}, ignore=True)  # here
    finally:
        db.rollback()


def total(db):
    return db["revenue"].get(1)["cents"]
