# diagnosis: key-from-delivery
def handle(message, db):
    db.execute("BEGIN IMMEDIATE")
    try:
        if message.redelivered and db["processed"].count_where("message_id = ?", [message.id]):  # here
            return
        db["processed"].insert({"message_id": message.id}, ignore=True)
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
        db.commit()
    finally:
        db.rollback()
