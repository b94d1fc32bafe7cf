# diagnosis: check-then-act
from sqlite_utils.db import NotFoundError


def handle(message, db):
    try:
        db["processed"].get(message.id)  # here
        return
    except NotFoundError:
        pass
    db["account"].update(  # here
        message.body["account"],
        {"balance": message.body["amount"]},
        conversions={"balance": "balance + ?"},
    )  # here
    db["processed"].insert({"message_id": message.id})  # here
