# diagnosis: stale-overwrites
def handle(message, db):
    address, version = message.body["address"], message.body["version"]
    with db.atomic():
        customer = db["customer"].get(message.body["customer"])
        if customer["address"] == address:  # here
            return
        customer |= {"address": address, "version": max(customer["version"], version)}
        db["customer"].update(customer["id"], customer)  # here
