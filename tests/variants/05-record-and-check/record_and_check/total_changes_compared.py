def handle(message, db):
    conn = db.conn
    before = conn.total_changes
    with conn:
        conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if conn.total_changes > before:
            conn.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
