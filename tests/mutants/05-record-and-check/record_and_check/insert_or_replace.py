# diagnosis: replace-as-claim
def handle(message, db):
    with db.atomic():
        cur = db.execute("INSERT OR REPLACE INTO processed VALUES (?)", [message.id])  # here
        if cur.rowcount == 1:  # here
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
