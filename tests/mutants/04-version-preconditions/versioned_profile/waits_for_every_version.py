# diagnosis: never-acknowledged
def handle(message, db):
    body = message.body
    applied = db.execute(
        "UPDATE customer SET address = :address, version = :version"
        " WHERE id = :customer AND version = :version - 1",  # here
        body,
    ).rowcount
    if applied:
        return
    if db["customer"].get(body["customer"])["version"] < body["version"]:  # here
        raise Retry("a version is missing")  # here
