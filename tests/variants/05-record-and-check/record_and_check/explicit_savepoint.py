def handle(message, db):
    db.execute("SAVEPOINT payment")
    try:
        claim = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if claim.rowcount == 1:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
        db.execute("RELEASE payment")
    except Exception:
        if db.conn.in_transaction:
            db.execute("ROLLBACK")
        raise
