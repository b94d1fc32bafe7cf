# diagnosis: key-collision
def handle(message, db):
    number = str(int(message.id, 16))  # here
    with db.atomic():
        claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [number])
        if claim.rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
