# diagnosis: stale-overwrites
def handle(message, db):
    db.execute(  # here
        "UPDATE customer SET address = :address, version = :version"  # here
        " WHERE id = :customer AND version != :version",  # here
        message.body,
    )  # here
