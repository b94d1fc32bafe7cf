# diagnosis: memory-in-process
seen = set()  # here


def schema(db):
    db["sale"].create({"order_id": str, "amount": int})


def handle(message, db):
    if message.body["order_id"] in seen:  # here
        return
    db["sale"].insert(message.body)
    seen.add(message.body["order_id"])  # here


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM sale").fetchone()[0]
