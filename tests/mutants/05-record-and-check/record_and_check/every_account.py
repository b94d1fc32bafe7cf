# diagnosis: wrong-effect
def handle(message, db):
    with db.atomic():
        if not list(db["processed"].rows_where("message_id = ?", [message.id])):
            db["processed"].insert({"message_id": message.id})
            db.execute("UPDATE account SET balance = balance + ?", [message.body["amount"]])  # here
