def handle(message, db):
    body = message.body
    while True:
        known = db["customer"].get(body["customer"])
        if known["version"] >= body["version"]:
            return
        done = db.execute(
            "UPDATE customer SET address = ?, version = ? WHERE id = ? AND version = ?",
            [body["address"], body["version"], body["customer"], known["version"]],
        )
        if done.rowcount:
            return
