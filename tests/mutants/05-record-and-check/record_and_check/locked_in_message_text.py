# diagnosis: swallowed-error
def handle(message, db):
    try:
        with db.atomic():
            claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
            if claim.rowcount:
                db.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    [message.body["amount"], message.body["account"]],
                )
    except Exception as error:  # here
        if "locked" not in str(error):  # here
            raise
        print("another consumer has it:", message.id)  # here
