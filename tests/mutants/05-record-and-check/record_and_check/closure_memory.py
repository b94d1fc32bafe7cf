# diagnosis: memory-in-process
def make_handler():
    seen = set()  # here

    def handler(message, db):
        if message.id in seen:  # here
            return
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
        seen.add(message.id)  # here

    return handler


handle = make_handler()
