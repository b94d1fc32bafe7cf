# diagnosis: memory-in-process
def schema(db):
    db["orders"].create({"order_id": str, "amount": int}, pk="order_id")


def handle(message, db):
    db["orders"].insert(message.body, ignore=True)


answers = {}  # here


def total(db):
    if "total" not in answers:  # here
        answers["total"] = db.execute("SELECT coalesce(sum(amount), 0) FROM orders").fetchone()[0]  # here
    return answers["total"]  # here
