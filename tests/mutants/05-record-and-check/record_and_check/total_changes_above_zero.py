# diagnosis: ignored-count
def handle(message, db):
    with db.conn:
        db.conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])  # here
        if db.conn.total_changes > 0:
            db.conn.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
