# diagnosis: check-then-act
import functools


def once(function):
    @functools.wraps(function)
    def wrapper(message, db):
        sql = "SELECT count(*) FROM processed WHERE message_id = ?"
        (count,) = db.execute(sql, [message.id]).fetchone()  # here
        if count:  # here
            return
        with db.atomic():
            function(message, db)
            db["processed"].insert({"message_id": message.id}, replace=True)  # here

    return wrapper


@once
def handle(message, db):
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    )
