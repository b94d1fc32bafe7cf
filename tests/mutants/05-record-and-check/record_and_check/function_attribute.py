# diagnosis: memory-in-process
def handle(message, db):
    if message.id in handle.seen:  # here
        return
    with db.atomic():
        row = db["account"].get(message.body["account"])
        db["account"].update(row["id"], {"balance": row["balance"] + message.body["amount"]})
    handle.seen.add(message.id)  # here


handle.seen = set()  # here
