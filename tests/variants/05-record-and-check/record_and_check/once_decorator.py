from functools import wraps


def exactly_once(function):
    @wraps(function)
    def wrapper(message, db):
        with db.atomic():
            new = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount
            return function(message, db) if new else None

    return wrapper


@exactly_once
def handle(message, db):
    """Credit the account."""
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    )
