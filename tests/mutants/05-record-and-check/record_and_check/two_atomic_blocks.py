# diagnosis: mark-before-effect
def claim(db, message_id):
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message_id]):
            return False
        db["processed"].insert({"message_id": message_id})  # here
    return True


def handle(message, db):
    if claim(db, message.id):  # here
        with db.atomic():
            db.execute(  # here
                "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
                [message.body["amount"], message.body["account"]],
            )
