# diagnosis: check-then-act
def handle(message, db):
    if db.conn.execute("SELECT 1 FROM processed WHERE message_id = ?", (message.id,)).fetchone():  # here
        return
    db.conn.execute(
        "UPDATE account SET balance = balance + :amount WHERE id = :account", message.body
    )
    quoted = message.id.replace("'", "''")
    db.conn.executescript(f"INSERT INTO processed VALUES ('{quoted}');")  # here
