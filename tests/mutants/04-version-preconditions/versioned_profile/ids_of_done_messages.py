# diagnosis: stale-overwrites
def handle(message, db):
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS done (message_id TEXT PRIMARY KEY)")
        new = db.execute("INSERT OR IGNORE INTO done VALUES (?)", [message.id])
        if new.rowcount == 1:
            db.execute(  # here
                "UPDATE customer SET address = :address, version = :version WHERE id = :customer",  # here
                message.body,
            )  # here
