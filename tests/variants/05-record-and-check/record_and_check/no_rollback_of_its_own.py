def handle(message, db):
    db.execute("BEGIN IMMEDIATE")
    if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount == 0:
        return
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    )
    db.execute("COMMIT")
