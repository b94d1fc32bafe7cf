# diagnosis: ignored-count
def handle(message, db):
    with db.atomic():
        cur = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])  # here
        if cur.rowcount >= 0:  # here
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
