# diagnosis: never-acknowledged
def handle(message, db):
    applied = db.execute(
        "UPDATE customer SET address = :address, version = :version"
        " WHERE id = :customer AND version < :version",
        message.body,
    )
    if applied.rowcount != 1:  # here
        raise Retry("not applied")  # here
