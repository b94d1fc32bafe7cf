# diagnosis: wrong-effect
def handle(message, db):
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]):
            return
        db["processed"].insert({"message_id": message.id})
        db.execute(  # here
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["account"], message.body["amount"]],  # here
        )
