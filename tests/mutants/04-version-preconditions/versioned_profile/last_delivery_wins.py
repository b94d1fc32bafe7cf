# diagnosis: stale-overwrites
def handle(message, db):
    db.execute(  # here
        "UPDATE customer SET address = :address, version = :version WHERE id = :customer",  # here
        message.body,
    )  # here
