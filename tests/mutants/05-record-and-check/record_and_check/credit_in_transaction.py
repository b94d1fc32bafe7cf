# diagnosis: no-duplicate-check
def handle(message, db):
    with db.atomic():
        row = db["account"].get(message.body["account"])
        row["balance"] += message.body["amount"]
        db["account"].upsert(row, pk="id")  # here
