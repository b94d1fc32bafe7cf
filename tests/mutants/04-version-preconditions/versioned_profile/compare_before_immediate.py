# diagnosis: check-then-act
def is_newer(db, customer, version):
    older = "id = ? AND version < ?"  # here
    return db["customer"].count_where(older, [customer, version]) > 0  # here


def handle(message, db):
    if not is_newer(db, message.body["customer"], message.body["version"]):  # here
        return
    db.execute("BEGIN IMMEDIATE")  # here
    try:
        db.execute(  # here
            "UPDATE customer SET address = :address, version = :version WHERE id = :customer",  # here
            message.body,
        )  # here
    finally:
        db.commit()
