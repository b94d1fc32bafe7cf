# diagnosis: swallowed-error
def handle(message, db):
    try:
        db.begin()
        if not db["processed"].count_where("message_id = ?", [message.id]):
            db["processed"].insert({"message_id": message.id})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
        db.commit()
    except BaseException:  # here
        db.rollback()
        return  # here
