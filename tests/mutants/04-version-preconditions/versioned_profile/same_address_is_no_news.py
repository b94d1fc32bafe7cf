# diagnosis: acknowledged-without-effect
def handle(message, db):
    db.execute(  # here
        "UPDATE customer SET address = :address, version = :version"
        " WHERE id = :customer AND version < :version AND address <> :address",  # here
        message.body,
    )
