from redelivery import Retry


def handle(message, db):
    try:
        with db.atomic():
            if db["processed"].count_where("message_id = ?", [message.id]) == 0:
                db["processed"].insert({"message_id": message.id})
                db.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    [message.body["amount"], message.body["account"]],
                )
    except Exception as error:
        raise Retry(repr(error)) from error
