# diagnosis: key-collision
def handle(message, db):
    body = message.body
    mark = f"{message.id}{body['account']}{body['amount']}"  # here
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [mark]).rowcount:  # here
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [body["amount"], body["account"]])
