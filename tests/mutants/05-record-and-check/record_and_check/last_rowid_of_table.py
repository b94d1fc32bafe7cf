# diagnosis: ignored-count
def handle(message, db):
    with db.atomic():
        table = db["processed"].insert({"message_id": message.id}, ignore=True)  # here
        if table.last_rowid is None:  # here
            return
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
