# diagnosis: key-collision
SEEN = "SELECT 1 FROM processed WHERE message_id = ? COLLATE NOCASE"  # here


def handle(message, db):
    with db.atomic():
        if db.execute(SEEN, [message.id]).fetchone():  # here
            return
        db["processed"].insert({"message_id": message.id})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
