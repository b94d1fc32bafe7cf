# diagnosis: replace-as-claim
def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, amount INTEGER)")
    db.execute("CREATE TABLE revenue (cents INTEGER)")
    db.execute("INSERT INTO revenue VALUES (0)")


def handle(message, db):
    with db.atomic():
        claim = db.execute("INSERT OR REPLACE INTO orders VALUES (:order_id, :amount)", message.body)  # here
        if claim.rowcount == 1:  # here
            db.execute("UPDATE revenue SET cents = cents + :amount", message.body)  # here


def total(db):
    return db.execute("SELECT cents FROM revenue").fetchone()[0]
