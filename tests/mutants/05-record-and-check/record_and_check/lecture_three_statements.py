# diagnosis: check-then-act
def handle(message, db):
    seen = db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone()  # here
    if seen:
        return
    db.execute(  # here
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    )  # here
    db.execute("INSERT INTO processed (message_id) VALUES (?)", [message.id])  # here
