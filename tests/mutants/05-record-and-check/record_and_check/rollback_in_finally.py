# diagnosis: uncommitted-effect
def handle(message, db):
    db.begin()
    try:
        if not db["processed"].count_where("message_id = ?", [message.id]):
            db["processed"].insert({"message_id": message.id})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    finally:
        db.rollback()  # here
