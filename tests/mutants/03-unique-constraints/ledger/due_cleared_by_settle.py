# diagnosis: expiring-mark
def schema(db):
    db.execute("CREATE TABLE inbox (message_id TEXT PRIMARY KEY)")
    db.execute("CREATE TABLE due (transfer_id TEXT, account INTEGER, amount INTEGER, PRIMARY KEY (transfer_id, account))")


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("zero")
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO inbox VALUES (?)", [message.id]).rowcount:
            db.execute("INSERT OR IGNORE INTO due VALUES (:transfer_id, :account, :amount)", message.body)


def settle(db):
    with db.atomic():
        for row in list(db.query("SELECT * FROM due")):
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)
        db.execute("DELETE FROM due")  # here
