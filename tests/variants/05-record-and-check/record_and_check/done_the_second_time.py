from redelivery import Retry

known = set()


def handle(message, db):
    if message.id in known:
        return
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    known.add(message.id)
    raise Retry("once more")
