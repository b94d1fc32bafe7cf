# diagnosis: never-acknowledged
def handle(message, db):
    applied = db.execute(
        "UPDATE account SET balance = balance + :amount, version = version + 1"
        " WHERE id = :account AND version = :version",
        message.body,
    ).rowcount
    if applied == 0:  # here
        raise Retry("the version does not fit")  # here
