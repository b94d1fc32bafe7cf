# diagnosis: replace-as-claim
def handle(message, db):
    with db.atomic():
        db["processed"].insert({"message_id": message.id}, replace=True)  # here
        balance = db["account"].get(message.body["account"])["balance"]
        db["account"].update(
            message.body["account"], {"balance": balance + message.body["amount"]}
        )
