# diagnosis: no-duplicate-check
def handle(message, db):
    db.execute(  # here
        "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
        [message.body["amount"], message.body["account"]],
    )
