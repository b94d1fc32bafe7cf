import sqlite3


def schema(db):
    db.execute("CREATE TABLE sale (id INTEGER PRIMARY KEY, order_id TEXT NOT NULL, amount INTEGER)")
    db["sale"].create_index(["order_id"], unique=True)


def handle(message, db):
    try:
        db["sale"].insert(message.body)
    except sqlite3.IntegrityError:
        print("order", message.body["order_id"], "was counted before")


def total(db):
    return db.execute("SELECT IFNULL(SUM(amount), 0) FROM sale").fetchone()[0]
