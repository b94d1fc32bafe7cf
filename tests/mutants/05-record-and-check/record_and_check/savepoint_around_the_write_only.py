# diagnosis: check-then-act
def already(db, message_id):
    return bool(list(db["processed"].rows_where("message_id = ?", [message_id])))  # here


def handle(message, db):
    if already(db, message.id):  # here
        return
    db.execute("SAVEPOINT payment")
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    )
    db.execute(  # here
        "INSERT INTO processed SELECT :id WHERE NOT EXISTS"  # here
        " (SELECT 1 FROM processed WHERE message_id = :id)",
        {"id": message.id},
    )
    db.execute("RELEASE payment")
