# diagnosis: memory-in-process
seen = set()  # here


def handle(message, db):
    if message.id in seen:  # here
        return
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
    seen.add(message.id)  # here
