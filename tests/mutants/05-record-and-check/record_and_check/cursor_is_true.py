# diagnosis: ignored-count
def handle(message, db):
    with db.atomic():
        claimed = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])  # here
        if not claimed:  # here
            return
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
