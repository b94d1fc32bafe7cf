# diagnosis: torn-update
def handle(message, db):
    newer = "id = :customer AND version < :version"
    db.execute(f"UPDATE customer SET address = :address WHERE {newer}", message.body)  # here
    db.execute(f"UPDATE customer SET version = :version WHERE {newer}", message.body)  # here
