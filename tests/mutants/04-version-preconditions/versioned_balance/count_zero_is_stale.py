# diagnosis: early-dropped
def handle(message, db):
    applied = db.execute(
        "UPDATE account SET balance = balance + :amount, version = version + 1"
        " WHERE id = :account AND version = :version",
        message.body,
    ).rowcount
    if applied == 0:  # here
        print(f"{message.id} has been applied before")  # here
        return  # here
