# diagnosis: key-from-delivery
def handle(message, db):
    if message.redelivered:  # here
        return  # here
    with db.atomic():
        db["processed"].insert({"message_id": message.id}, ignore=True)
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
