# diagnosis: check-then-act
def handle(message, db):
    with db.atomic():
        seen = db["processed"].count_where("message_id = ?", [message.id]) > 0  # here
    if seen:  # here
        return
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
        db.execute("INSERT OR REPLACE INTO processed VALUES (?)", [message.id])  # here
