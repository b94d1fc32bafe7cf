# diagnosis: torn-update
def handle(message, db):
    customer, version = message.body["customer"], message.body["version"]
    gone = db.execute("DELETE FROM customer WHERE id = ? AND version < ?", [customer, version])  # here
    if gone.rowcount:
        db["customer"].insert({"id": customer, "address": message.body["address"], "version": version})  # here
