# diagnosis: swallowed-error
import logging
from functools import wraps


def safe(function):
    @wraps(function)
    def wrapper(message, db):
        try:
            return function(message, db)
        except Exception:  # here
            logging.exception("could not handle %s", message.id)  # here

    return wrapper


@safe
def handle(message, db):
    with db.atomic():
        cur = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if cur.rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
