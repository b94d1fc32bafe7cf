# diagnosis: effect-before-mark
def handle(message, db):
    account, amount = message.body["account"], message.body["amount"]
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS receipt (id TEXT PRIMARY KEY, balance_after INTEGER)")
        row = db.execute("SELECT balance_after FROM receipt WHERE id = ?", [message.id]).fetchone()
        if row and row[0]:
            return
        after = db["account"].get(account)["balance"] + amount
        db.execute("UPDATE account SET balance = ? WHERE id = ?", [after, account])  # here
        db.execute("INSERT OR REPLACE INTO receipt VALUES (?, ?)", [message.id, after])
