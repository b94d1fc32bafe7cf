def handle(message, db):
    with db.atomic():
        db.execute("CREATE VIEW IF NOT EXISTS incoming AS SELECT message_id FROM processed")
        db.execute(
            "CREATE TRIGGER IF NOT EXISTS take INSTEAD OF INSERT ON incoming BEGIN"
            " INSERT OR IGNORE INTO processed VALUES (NEW.message_id); END"
        )
        before = db.conn.total_changes
        db.execute("INSERT INTO incoming VALUES (?)", [message.id])
        if db.conn.total_changes > before:
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]])
