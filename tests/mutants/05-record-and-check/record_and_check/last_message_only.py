# diagnosis: memory-in-process
last = None  # here


def handle(message, db):
    global last
    if message.id == last:  # here
        return
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
    last = message.id  # here
