# diagnosis: no-precondition
def handle(message, db):
    body = message.body
    with db.atomic():
        db.execute("CREATE TABLE IF NOT EXISTS put_off (message TEXT PRIMARY KEY, done INTEGER)")
        stored = db.execute("SELECT version FROM account WHERE id = ?", [body["account"]]).fetchone()[0]
        known = db.execute("SELECT done FROM put_off WHERE message = ?", [message.id]).fetchone()
        if known == (1,) or stored > body["version"] and known is None:
            return
        early = known is None and stored < body["version"]
        db.execute("INSERT OR REPLACE INTO put_off VALUES (?, ?)", [message.id, 0 if early else 1])
        if not early:
            db.execute(  # here
                "UPDATE account SET balance = balance + :amount, version = version + 1 WHERE id = :account",  # here
                body,
            )
    if early:
        raise Retry("wait for the earlier ones, once")
