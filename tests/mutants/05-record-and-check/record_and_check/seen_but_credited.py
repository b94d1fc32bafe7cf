# diagnosis: no-duplicate-check
def handle(message, db):
    with db.atomic():
        seen = db["processed"].count_where("message_id = ?", [message.id])  # here
        if seen:  # here
            print("duplicate of", message.id)  # here
        else:
            db["processed"].insert({"message_id": message.id})
        db.execute(  # here
            "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
            [message.body["amount"], message.body["account"]],
        )
