# diagnosis: poison-message
def handle(message, db):
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]):
            raise ValueError(f"{message.id} was processed before")  # here
        db["processed"].insert({"message_id": message.id})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
