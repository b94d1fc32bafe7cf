# diagnosis: mark-before-effect
def handle(message, db):
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]):
            return
        db["processed"].insert({"message_id": message.id})  # here
        db.conn.commit()  # here
        db.conn.execute(  # here
            "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
            (message.body["amount"], message.body["account"]),
        )
