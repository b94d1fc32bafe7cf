def handle(message, db):
    body = message.body
    db.execute("SAVEPOINT change")
    raised = db.execute(
        "UPDATE account SET version = version + 1 WHERE id = :account AND version = :version", body
    ).rowcount
    if raised:
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", body)
    db.execute("RELEASE change")
    if not raised:
        ((stored,),) = db.execute("SELECT version FROM account WHERE id = :account", body).fetchall()
        if not stored > body["version"]:
            raise Retry("not its turn")
