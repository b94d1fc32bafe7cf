# diagnosis: key-from-payload
def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS done (ids TEXT)")
    with db.atomic():
        db.execute("INSERT INTO done SELECT ',' WHERE NOT EXISTS (SELECT 1 FROM done)")  # here
        n = db.execute("UPDATE done SET ids = ids || :id || ',' WHERE instr(ids, ',' || :id || ',') = 0", {"id": message.id}).rowcount
        if n:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
