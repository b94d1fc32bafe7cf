def handle(message, db):
    """Credit the body's amount to its account, once for each message id."""
    with db.atomic():
        claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if claim.rowcount == 1:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
