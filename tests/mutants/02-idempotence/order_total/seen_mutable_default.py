# diagnosis: memory-in-process
def schema(db):
    db.execute("CREATE TABLE revenue (cents INTEGER)")
    db.execute("INSERT INTO revenue VALUES (0)")


def handle(message, db, seen={}):  # here
    if message.body["order_id"] not in seen:  # here
        db.execute("UPDATE revenue SET cents = cents + :amount", message.body)
        seen[message.body["order_id"]] = message.body["amount"]  # here


def total(db):
    return db.execute("SELECT cents FROM revenue").fetchone()[0]
