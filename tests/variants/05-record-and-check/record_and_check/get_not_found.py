from sqlite_utils.db import NotFoundError


def handle(message, db):
    with db.atomic():
        try:
            db["processed"].get(message.id)
        except NotFoundError:
            db["processed"].insert({"message_id": message.id})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
