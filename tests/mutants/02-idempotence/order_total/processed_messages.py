# diagnosis: key-from-message-id
def schema(db):
    db.executescript("""
        CREATE TABLE processed (message_id TEXT PRIMARY KEY);
        CREATE TABLE revenue (cents INTEGER NOT NULL);
        INSERT INTO revenue VALUES (0);
    """)


def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:  # here
            db.execute("UPDATE revenue SET cents = cents + ?", [message.body["amount"]])


def total(db):
    return db.execute("SELECT cents FROM revenue").fetchone()[0]
