# diagnosis: mark-before-effect
def handle(message, db):
    body = message.body
    stored = db.execute("SELECT version FROM account WHERE id = ?", [body["account"]]).fetchone()[0]
    if stored < body["version"]:
        raise Retry("too early")
    db.execute("CREATE TABLE IF NOT EXISTS done (message TEXT PRIMARY KEY)")
    if db.execute("INSERT OR IGNORE INTO done VALUES (?)", [message.id]).rowcount:  # here
        db.execute(  # here
            "UPDATE account SET balance = balance + :amount, version = version + 1"
            " WHERE id = :account AND version = :version",
            body,
        )
