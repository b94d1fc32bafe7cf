def handle(message, db):
    db.execute(
        "UPDATE customer SET address = :address, version = :version"
        " WHERE id = :customer AND version < :version",
        message.body,
    )
