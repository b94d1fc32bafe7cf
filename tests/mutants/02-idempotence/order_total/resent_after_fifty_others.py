# diagnosis: expiring-mark
def schema(db):
    db.execute("CREATE TABLE inbox (message_id TEXT PRIMARY KEY)")
    db.execute("CREATE TABLE recent (n INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT UNIQUE)")
    db.execute("CREATE TABLE revenue (cents INTEGER)")
    db.execute("INSERT INTO revenue VALUES (0)")


def handle(message, db):
    b = message.body
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO inbox VALUES (?)", [message.id]).rowcount == 0:
            return
        if db.execute("INSERT OR IGNORE INTO recent (order_id) VALUES (?)", [b["order_id"]]).rowcount == 0:  # here
            return
        db.execute("UPDATE revenue SET cents = cents + ?", [b["amount"]])
        db.execute("DELETE FROM recent WHERE n <= (SELECT max(n) FROM recent) - 50")


def total(db):
    return db.execute("SELECT cents FROM revenue").fetchone()[0]
