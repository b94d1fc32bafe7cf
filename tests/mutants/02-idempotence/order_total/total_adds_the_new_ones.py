# diagnosis: memory-in-process
class Sum:
    amount = 0  # here
    seen = 0  # here


def schema(db):
    db.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, order_id TEXT UNIQUE, amount INTEGER)")


def handle(message, db):
    db.execute("INSERT OR IGNORE INTO orders (order_id, amount) VALUES (:order_id, :amount)", message.body)


def total(db):
    rows = db.execute("SELECT number, amount FROM orders WHERE number >= ?", [Sum.seen]).fetchall()  # here
    for number, amount in rows:
        Sum.seen = number  # here
        Sum.amount += amount  # here
    return Sum.amount  # here
