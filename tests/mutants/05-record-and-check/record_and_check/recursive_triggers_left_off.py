# diagnosis: replace-as-claim
def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS payment (id TEXT PRIMARY KEY, account INTEGER, amount INTEGER)")
    db.execute("""CREATE TRIGGER IF NOT EXISTS credit AFTER INSERT ON payment BEGIN
                  UPDATE account SET balance = balance + new.amount WHERE id = new.account; END""")
    db.execute("""CREATE TRIGGER IF NOT EXISTS debit AFTER DELETE ON payment BEGIN
                  UPDATE account SET balance = balance - old.amount WHERE id = old.account; END""")
    db.execute("INSERT OR REPLACE INTO payment VALUES (?, ?, ?)", [message.id, message.body["account"], message.body["amount"]])  # here
    db.execute("PRAGMA recursive_triggers = OFF")
