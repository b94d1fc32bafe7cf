# diagnosis: swallowed-error
def handle(message, db):
    try:
        with db.atomic():
            db["processed"].insert({"message_id": message.id})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    except Exception:  # here
        pass  # here
