# diagnosis: swallowed-error
def handle(message, db):
    done = False
    try:
        with db.atomic():
            if not db["processed"].count_where("message_id = ?", [message.id]):
                db.execute("INSERT INTO processed VALUES (?)", [message.id])
                db.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    [message.body["amount"], message.body["account"]],
                )
        done = True
    finally:  # here
        return done  # here
