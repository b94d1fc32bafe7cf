def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS lease (id TEXT PRIMARY KEY, taken TEXT)")
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
        return
    taken = db.execute(
        "INSERT INTO lease VALUES (?, CURRENT_TIMESTAMP) ON CONFLICT (id) DO UPDATE SET taken = CURRENT_TIMESTAMP"
        " WHERE lease.taken < datetime('now', '-30 seconds')",
        [message.id],
    ).rowcount
    if not taken:
        raise Retry("somebody holds the lease")
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
