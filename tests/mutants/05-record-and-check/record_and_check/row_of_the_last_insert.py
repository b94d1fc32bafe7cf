# diagnosis: ignored-count
def handle(message, db):
    with db.atomic():
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])  # here
        row = db.execute("SELECT message_id FROM processed WHERE rowid = last_insert_rowid()").fetchone()
        if row is not None and row[0] == message.id:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
