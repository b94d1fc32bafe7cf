# diagnosis: wrong-effect
def handle(message, db):
    changed = db.execute(  # here
        "UPDATE customer SET address = :address WHERE id = :customer AND version < :version",  # here
        message.body,
    ).rowcount  # here
    if not changed:
        print("an older version:", message.body["version"])
