def known(db, message_id):
    return db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message_id]).fetchone()


def handle(message, db):
    if known(db, message.id):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if not known(db, message.id):
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise
