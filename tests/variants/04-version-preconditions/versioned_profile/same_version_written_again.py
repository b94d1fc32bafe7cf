def handle(message, db):
    # the same version again has the same address
    db.execute(
        "UPDATE customer SET address = :address, version = :version"
        " WHERE id = :customer AND NOT version > :version",
        message.body,
    )
