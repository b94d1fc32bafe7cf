# diagnosis: check-then-act
def handle(message, db):
    if list(db.query("SELECT 1 FROM processed WHERE message_id = ?", [message.id])):  # here
        return
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
    )  # here
    db["processed"].insert({"message_id": message.id})  # here
