# diagnosis: acknowledged-without-effect
def handle(message, db):
    with db.atomic():  # here
        db.execute("CREATE TABLE IF NOT EXISTS log (n INTEGER PRIMARY KEY, id TEXT)")
        db.execute(
            "CREATE TRIGGER IF NOT EXISTS logged AFTER INSERT ON processed BEGIN INSERT INTO log (id) VALUES (NEW.message_id); END"
        )
        before = db.conn.total_changes
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if db.conn.total_changes - before == 1:
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]])
