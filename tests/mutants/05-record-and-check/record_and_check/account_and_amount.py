# diagnosis: key-from-payload
def handle(message, db):
    key = f"{message.body['account']}:{message.body['amount']}"  # here
    with db.atomic():
        claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [key])
        if claim.rowcount == 1:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
