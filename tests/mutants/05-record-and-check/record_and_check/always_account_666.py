# diagnosis: wrong-effect
def handle(message, db):
    with db.atomic():
        claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if claim.rowcount == 1:
            db.execute(  # here
                "UPDATE account SET balance = balance + ? WHERE id = 666",  # here
                [message.body["amount"]],
            )
