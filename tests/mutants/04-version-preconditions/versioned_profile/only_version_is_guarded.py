# diagnosis: stale-overwrites
def handle(message, db):
    db.execute(  # here
        "UPDATE customer SET address = :address, version = max(version, :version)"  # here
        " WHERE id = :customer",  # here
        message.body,
    )  # here
