# diagnosis: torn-update
def handle(message, db):
    body = message.body
    newer = db.execute(  # here
        "UPDATE customer SET version = :version WHERE id = :customer AND version < :version", body  # here
    ).rowcount  # here
    if newer:
        db["customer"].update(body["customer"], {"address": body["address"]})  # here
