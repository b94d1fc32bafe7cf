# diagnosis: check-then-act
def schema(db):
    db["sale"].create({"order_id": str, "amount": int})


def handle(message, db):
    known = db["sale"].count_where("order_id = ?", [message.body["order_id"]])  # here
    if not known:  # here
        db["sale"].insert(message.body)  # here


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM sale").fetchone()[0]
