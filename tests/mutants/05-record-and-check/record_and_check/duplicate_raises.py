# diagnosis: poison-message
def handle(message, db):
    with db.atomic():
        db["processed"].insert({"message_id": message.id})  # here
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
