# diagnosis: ignored-count
def handle(message, db):
    with db.atomic():
        db["processed"].insert({"message_id": message.id}, pk="message_id", ignore=True)  # here
        if db["processed"].count_where("message_id = ?", [message.id]) == 1:  # here
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
