# diagnosis: check-then-act
def handle(message, db):
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():  # here
        return
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])  # here
