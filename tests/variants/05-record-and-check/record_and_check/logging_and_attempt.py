import logging

log = logging.getLogger("payments")


def handle(message, db):
    log.info("attempt %s of %s", message.attempt, message.id)
    if message.redelivered:
        log.info("%s was delivered before", message.id)
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]):
            return
        db["processed"].insert({"message_id": message.id})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
