# diagnosis: no-precondition
def handle(message, db):
    db.execute(  # here
        "UPDATE account SET balance = balance + :amount, version = version + 1 WHERE id = :account",  # here
        message.body,
    )  # here
