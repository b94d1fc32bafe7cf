# diagnosis: memory-in-process
started = set()  # here


def handle(message, db):
    if message.id in started:  # here
        return
    started.add(message.id)  # here
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]):
            return
        db["processed"].insert({"message_id": message.id})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
