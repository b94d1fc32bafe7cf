# diagnosis: expiring-mark
def handle(message, db):
    with db.atomic():
        done = db["processed"]
        if done.count_where("message_id = ?", [message.id]):  # here
            return
        if done.count >= 20:
            done.delete_where()  # here
        done.insert({"message_id": message.id})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
