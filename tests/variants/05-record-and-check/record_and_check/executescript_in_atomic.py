def handle(message, db):
    account, amount = int(message.body["account"]), int(message.body["amount"])
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]):
            return
        db.executescript(
            f"UPDATE account SET balance = balance + {amount} WHERE id = {account};"
            f"INSERT INTO processed VALUES ({db.quote(message.id)});"
        )
