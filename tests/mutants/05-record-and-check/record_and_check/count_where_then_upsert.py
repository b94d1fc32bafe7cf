# diagnosis: check-then-act
def handle(message, db):
    processed = db["processed"]
    if processed.count_where("message_id = :id", {"id": message.id}) == 0:  # here
        with db.atomic():
            processed.upsert({"message_id": message.id}, pk="message_id")  # here
            row = db["account"].get(message.body["account"])
            db["account"].update(row["id"], {"balance": row["balance"] + message.body["amount"]})
