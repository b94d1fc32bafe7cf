# diagnosis: ignored-count
def handle(message, db):
    db.execute(  # here
        "UPDATE account SET balance = balance + :amount, version = version + 1"  # here
        " WHERE id = :account AND version = :version",  # here
        message.body,
    )  # here
