def handle(message, db):
    with db.atomic():
        if any(True for _ in db["processed"].rows_where("message_id = ?", [message.id])):
            return
        db["processed"].insert({"message_id": message.id}, replace=True)
        db["account"].update(
            message.body["account"],
            {"balance": message.body["amount"]},
            conversions={"balance": "balance + ?"},
        )
