def handle(message, db):
    body = message.body
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount == 0:
            return
        old = next(db["account"].rows_where("id = ?", [body["account"]]))
        db["account"].upsert(
            {"id": body["account"], "balance": old["balance"] + body["amount"]}, pk="id"
        )
