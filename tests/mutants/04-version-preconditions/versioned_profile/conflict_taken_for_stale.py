# diagnosis: swallowed-conflict
def handle(message, db):
    body = message.body
    known = db["customer"].get(body["customer"])
    if known["version"] >= body["version"]:
        return
    changed = db.execute(
        "UPDATE customer SET address = ?, version = ? WHERE id = ? AND version = ?",
        [body["address"], body["version"], known["id"], known["version"]],
    ).rowcount
    if changed == 0:  # here
        print("somebody was faster, so this one is old")
