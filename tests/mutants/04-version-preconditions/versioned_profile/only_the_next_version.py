# diagnosis: early-dropped
def handle(message, db):
    db.execute(  # here
        "UPDATE customer SET address = :address, version = version + 1"  # here
        " WHERE id = :customer AND version + 1 = :version",  # here
        message.body,
    )  # here
