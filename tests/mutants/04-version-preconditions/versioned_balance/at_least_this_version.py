# diagnosis: no-precondition
def handle(message, db):
    applied = db.execute(  # here
        "UPDATE account SET balance = balance + :amount, version = version + 1"  # here
        " WHERE id = :account AND version >= :version",  # here
        message.body,
    ).rowcount  # here
    if not applied:
        raise Retry("too early")
