def handle(message, db):
    if db["processed"].count_where("message_id = ?", [message.id]):
        return
    with db.atomic():
        db["processed"].insert({"message_id": message.id})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
