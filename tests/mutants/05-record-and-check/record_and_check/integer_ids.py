# diagnosis: poison-message
def handle(message, db):
    key = int(message.id)  # here
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [str(key)]):
            return
        db["processed"].insert({"message_id": str(key)})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
