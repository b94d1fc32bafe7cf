# diagnosis: ignored-count
def handle(message, db):
    body = message.body
    stored = db["customer"].get(body["customer"])["version"]  # here
    if body["version"] > stored:
        db.execute(  # here
            "UPDATE customer SET address = ?, version = ? WHERE id = ? AND version = ?",  # here
            [body["address"], body["version"], body["customer"], stored],  # here
        )  # here
