# diagnosis: no-duplicate-check
def handle(message, db):
    with db.atomic():
        rows = list(db["processed"].rows_where("message_id = ?", [message.id]))  # here
        if rows is None:  # here
            return
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
