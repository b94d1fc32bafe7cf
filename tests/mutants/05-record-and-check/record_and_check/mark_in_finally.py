# diagnosis: check-then-act
def handle(message, db):
    if db["processed"].count_where("message_id = ?", [message.id]):  # here
        return
    try:
        db.execute(  # here
            "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
            [message.body["amount"], message.body["account"]],
        )
    finally:
        db["processed"].insert({"message_id": message.id}, ignore=True)  # here
