# diagnosis: key-collision
def handle(message, db):
    key = message.id.lower()  # here
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [key]):
            return
        db["processed"].insert({"message_id": key})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
