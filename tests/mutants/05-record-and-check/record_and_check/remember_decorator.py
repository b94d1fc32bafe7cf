# diagnosis: check-then-act
from functools import wraps


def remember(function):
    @wraps(function)
    def wrapper(message, db):
        if list(db["processed"].rows_where("message_id = ?", [message.id])):  # here
            return None
        result = function(message, db)  # here
        db["processed"].insert({"message_id": message.id})  # here
        return result

    return wrapper


@remember
def handle(message, db):
    with db.atomic():
        db.execute(  # here
            "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
            [message.body["amount"], message.body["account"]],
        )
