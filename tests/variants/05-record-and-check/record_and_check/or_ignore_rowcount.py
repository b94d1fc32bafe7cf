def handle(message, db):
    with db.atomic():
        claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if claim.rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
