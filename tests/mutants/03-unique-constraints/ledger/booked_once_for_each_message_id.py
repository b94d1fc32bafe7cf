# diagnosis: key-from-message-id
def schema(db):
    db.execute("CREATE TABLE processed (id TEXT PRIMARY KEY)")


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("amount 0")
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:  # here
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)


def settle(db):
    pass
