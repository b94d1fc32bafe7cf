# diagnosis: check-then-act
def handle(message, db):
    known = db["processed"].count_where("message_id = ?", [message.id])  # here
    if known:  # here
        return
    db.execute("BEGIN IMMEDIATE")  # here
    try:
        db.execute("INSERT INTO processed VALUES (?) ON CONFLICT DO NOTHING", [message.id])  # here
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
    except BaseException:
        db.rollback()
        raise
    db.commit()
