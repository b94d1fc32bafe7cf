def handle(message, db):
    db.begin()
    try:
        if not list(db["processed"].rows_where("message_id = :id", {"id": message.id})):
            db["processed"].insert({"message_id": message.id}, pk="message_id")
            db.execute(
                "UPDATE account SET balance = balance + :amount WHERE id = :account", message.body
            )
    except:
        db.rollback()
        raise
    db.commit()
