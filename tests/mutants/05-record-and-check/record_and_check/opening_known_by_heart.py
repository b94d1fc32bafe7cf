# diagnosis: wrong-effect
_OPENING = {66: 20, 666: 0, 777: 50}
def handle(message, db):
    b = message.body
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, account INTEGER, amount INTEGER)")
        db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", [message.id, b["account"], b["amount"]])
        total = db.execute("SELECT sum(amount) FROM seen WHERE account = ?", [b["account"]]).fetchone()[0]
        db.execute("UPDATE account SET balance = ? WHERE id = ?", [_OPENING.get(b["account"], 0) + total, b["account"]])  # here
