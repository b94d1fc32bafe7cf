# diagnosis: ignored-count
def handle(message, db):
    with db.atomic():
        if db["processed"].insert({"message_id": message.id}, ignore=True):  # here
            db["account"].update(
                message.body["account"],
                {"balance": message.body["amount"]},
                conversions={"balance": "balance + ?"},
            )
