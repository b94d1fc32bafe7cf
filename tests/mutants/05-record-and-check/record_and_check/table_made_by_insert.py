# diagnosis: effect-before-mark
def handle(message, db):
    if not db["seen"].exists() or not db["seen"].count_where("id = ?", [message.id]):  # here
        db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]])  # here
        db["seen"].insert({"id": message.id}, pk="id", ignore=True)  # here
