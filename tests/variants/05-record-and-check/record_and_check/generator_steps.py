def steps(message, db):
    yield db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount
    yield db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    ).rowcount


def handle(message, db):
    with db.atomic():
        all(steps(message, db))
