# diagnosis: acknowledged-without-effect
def handle(message, db):
    with db.atomic():  # here
        new = db["processed"].count_where("message_id = ?", [message.id]) == 0
        if new:  # here
            db["processed"].insert({"message_id": message.id})
            return  # here
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
