# diagnosis: no-duplicate-check
def schema(db):
    db.execute("CREATE TABLE sale (order_id TEXT, amount INTEGER)")


def handle(message, db):
    db["sale"].insert(message.body)  # here


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM sale").fetchone()[0]
