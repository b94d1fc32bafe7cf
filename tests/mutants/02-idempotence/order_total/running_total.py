# diagnosis: no-duplicate-check
def schema(db):
    db["revenue"].insert({"id": 1, "cents": 0}, pk="id")


def handle(message, db):
    db.execute("UPDATE revenue SET cents = cents + ?", [message.body["amount"]])  # here


def total(db):
    return db["revenue"].get(1)["cents"]
