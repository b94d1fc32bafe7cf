# diagnosis: version-from-store
def handle(message, db):
    account = db["account"].get(message.body["account"])  # here
    applied = db.execute(  # here
        "UPDATE account SET balance = balance + ?, version = version + 1 WHERE id = ? AND version = ?",  # here
        [message.body["amount"], account["id"], account["version"]],  # here
    ).rowcount
    if not applied:
        raise Retry("somebody else was faster")
