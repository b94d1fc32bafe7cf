def handle(message, db):
    account, amount = message.body["account"], message.body["amount"]
    with db.atomic():
        balance = db["account"].get(account)["balance"]
        seen = [row["message_id"] for row in db["processed"].rows]
        if message.id not in seen:
            db["account"].update(account, {"balance": balance + amount})
            db["processed"].upsert({"message_id": message.id}, pk="message_id")
