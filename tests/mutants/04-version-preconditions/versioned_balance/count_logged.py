# diagnosis: early-dropped
import logging


def handle(message, db):
    with db.atomic():
        changed = db.execute(  # here
            "UPDATE account SET balance = balance + ?, version = ? WHERE id = ? AND version = ?",  # here
            [
                message.body["amount"],
                message.body["version"] + 1,
                message.body["account"],
                message.body["version"],
            ],
        ).rowcount  # here
    logging.info("%s changed %d row(s)", message.id, changed)  # here
