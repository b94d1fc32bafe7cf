def handle(message, db):
    with db.atomic():
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account AND changes() = 1", message.body)
