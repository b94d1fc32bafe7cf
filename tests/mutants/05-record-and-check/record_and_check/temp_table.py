# diagnosis: memory-in-process
def handle(message, db):
    db.execute("CREATE TEMP TABLE IF NOT EXISTS seen (message_id TEXT PRIMARY KEY)")  # here
    with db.atomic():
        if db.execute("SELECT 1 FROM seen WHERE message_id = ?", [message.id]).fetchone():  # here
            return
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
        db.execute("INSERT INTO seen VALUES (?)", [message.id])  # here
