# diagnosis: expiring-mark
def schema(db):
    db.execute("CREATE TABLE recent (place INTEGER PRIMARY KEY, order_id TEXT)")
    db.execute("CREATE TABLE counted (orders INTEGER, amount INTEGER)")
    db.execute("INSERT INTO counted VALUES (0, 0)")


def handle(message, db):
    with db.atomic():
        order = message.body["order_id"]
        if db["recent"].count_where("order_id = ?", [order]):  # here
            return
        db.execute("UPDATE counted SET orders = orders + 1, amount = amount + ?", [message.body["amount"]])  # here
        db.execute("INSERT OR REPLACE INTO recent SELECT orders % 32, ? FROM counted", [order])  # here


def total(db):
    return db.execute("SELECT amount FROM counted").fetchone()[0]
