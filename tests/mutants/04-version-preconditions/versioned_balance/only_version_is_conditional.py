# diagnosis: ignored-count
def handle(message, db):
    body = message.body
    with db.atomic():
        db.execute("UPDATE account SET version = version + 1 WHERE id = :account AND version = :version", body)  # here
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", body)
