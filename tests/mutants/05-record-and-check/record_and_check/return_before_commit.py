# diagnosis: uncommitted-effect
def handle(message, db):
    db.begin()
    claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
    if claim.rowcount == 1:
        return db.execute(  # here
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )  # here
    db.commit()  # here
