# diagnosis: early-dropped
def handle(message, db):
    db.execute(  # here
        "UPDATE customer SET address = :address, version = :version WHERE id = :customer"
        " AND version < :version AND :version - version <= 1000",
        message.body,
    )
