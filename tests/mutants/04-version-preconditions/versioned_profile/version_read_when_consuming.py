# diagnosis: version-from-store
def handle(message, db):
    body = message.body
    while True:
        (seen,) = db.execute("SELECT version FROM customer WHERE id = ?", [body["customer"]]).fetchone()  # here
        changed = db.execute(  # here
            "UPDATE customer SET address = ?, version = ? WHERE id = ? AND version = ?",  # here
            [body["address"], body["version"], body["customer"], seen],  # here
        ).rowcount
        if changed:
            return
