def handle(message, db):
    db.execute("BEGIN EXCLUSIVE")
    try:
        if not db["processed"].count_where("message_id = ?", [message.id]):
            db["processed"].insert({"message_id": message.id})
            account = db["account"].get(message.body["account"])
            account["balance"] += message.body["amount"]
            db["account"].update(account["id"], account)
    except BaseException:
        db.rollback()
        raise
    else:
        db.commit()
