# diagnosis: expiring-mark
def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
            db.execute(  # here
                "DELETE FROM processed WHERE rowid <= (SELECT max(rowid) FROM processed) - 50"  # here
            )
