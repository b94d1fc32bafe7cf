# diagnosis: expiring-mark
def handle(message, db):
    with db.atomic():
        db.execute("DELETE FROM processed WHERE message_id != ?", [message.id])  # here
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
