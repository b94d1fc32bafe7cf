# diagnosis: wrong-effect
def handle(message, db):
    db.execute(  # here
        "UPDATE customer SET address = :address, version = version + 1"  # here
        " WHERE id = :customer AND version < :version",  # here
        message.body,
    )  # here
