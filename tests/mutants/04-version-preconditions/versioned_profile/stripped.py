# diagnosis: wrong-effect
def handle(message, db):
    b = message.body
    address = b["address"].strip()
    db.execute("UPDATE customer SET address = ?, version = ? WHERE id = ? AND version < ?", [address, b["version"], b["customer"], b["version"]])  # here
