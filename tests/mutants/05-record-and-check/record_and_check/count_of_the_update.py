# diagnosis: ignored-count
def handle(message, db):
    with db.atomic():
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])  # here
        changed = db.execute(  # here
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        ).rowcount  # here
        if changed == 0:  # here
            return
