# diagnosis: check-then-act
from sqlite_utils.db import NotFoundError


def handle(message, db):
    try:
        db["processed"].get(message.id)  # here
    except NotFoundError:  # here
        with db.atomic():
            db["account"].update(
                message.body["account"],
                {"balance": message.body["amount"]},
                conversions={"balance": "balance + ?"},
            )
            db["processed"].upsert({"message_id": message.id}, pk="message_id")  # here
