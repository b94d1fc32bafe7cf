# diagnosis: key-from-message-id
import sqlite3


def schema(db):
    db.execute(
        """CREATE TABLE orders (order_id TEXT, message_id TEXT, amount INTEGER,
                                PRIMARY KEY (order_id, message_id))"""  # here
    )


def handle(message, db):
    try:
        db["orders"].insert(  # here
            {
                "order_id": message.body["order_id"],
                "message_id": message.id,  # here
                "amount": message.body["amount"],
            }
        )  # here
    except sqlite3.IntegrityError:
        pass


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM orders").fetchone()[0]
