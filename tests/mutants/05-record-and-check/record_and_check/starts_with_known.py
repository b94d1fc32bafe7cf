# diagnosis: key-collision
def handle(message, db):
    with db.atomic():
        for row in db["processed"].rows:  # here
            if message.id.startswith(row["message_id"]):  # here
                return
        db["processed"].insert({"message_id": message.id})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
