# diagnosis: check-then-act
def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY)")
    if db["done"].count_where("id = ?", [message.id]):  # here
        return
    db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]])  # here
    db["done"].insert({"id": message.id}, ignore=True)  # here
