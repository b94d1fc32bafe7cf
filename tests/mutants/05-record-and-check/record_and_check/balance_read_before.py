# diagnosis: lost-update
def handle(message, db):
    account = message.body["account"]
    balance = db.execute("SELECT balance FROM account WHERE id = ?", [account]).fetchone()[0]  # here
    with db.atomic():
        claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if claim.rowcount == 1:
            db.execute(  # here
                "UPDATE account SET balance = ? WHERE id = ?",  # here
                [balance + message.body["amount"], account],
            )
