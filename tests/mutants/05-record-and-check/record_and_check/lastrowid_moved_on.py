# diagnosis: ignored-count
def handle(message, db):
    with db.atomic():
        last = db.execute("SELECT max(rowid) FROM processed").fetchone()[0] or 0
        # An insert that was rolled back has left a number, too.
        mark = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])  # here
        if mark.lastrowid > last:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
