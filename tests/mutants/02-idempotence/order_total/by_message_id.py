# diagnosis: key-from-message-id
def schema(db):
    db["orders"].create({"message_id": str, "order_id": str, "amount": int}, pk="message_id")  # here


def handle(message, db):
    db["orders"].insert({"message_id": message.id, **message.body}, ignore=True)  # here


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
