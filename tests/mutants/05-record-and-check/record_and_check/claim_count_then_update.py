# diagnosis: mark-before-effect
def handle(message, db):
    claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])  # here
    if claim.rowcount == 0:
        return
    db.execute(  # here
        "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
        [message.body["amount"], message.body["account"]],
    )
