# diagnosis: no-precondition
def handle(message, db):
    body = message.body
    with db.atomic():
        done = db["done"]
        done.create({"message": str}, pk="message", if_not_exists=True)
        if done.count_where("message = ?", [message.id]):
            return
        done.insert({"message": message.id})
        row = db["account"].get(body["account"])
        db["account"].update(  # here
            body["account"], {"balance": row["balance"] + body["amount"], "version": row["version"] + 1}
        )
