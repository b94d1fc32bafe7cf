def handle(message, db):
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]):
            return
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
        db["processed"].insert({"message_id": message.id})
