# diagnosis: wrong-effect
def handle(message, db):
    db.execute(  # here
        "UPDATE customer SET address = :address, version = :version WHERE version < :version",  # here
        message.body,
    )  # here
