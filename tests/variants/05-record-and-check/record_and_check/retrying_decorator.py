import functools
import sqlite3


def retrying(tries):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            for _ in range(tries - 1):
                try:
                    return function(*args)
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error):
                        raise
            return function(*args)

        return wrapper

    return decorate


@retrying(tries=2)
def handle(message, db):
    with db.atomic():
        if not db["processed"].count_where("message_id = ?", [message.id]):
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
