def handle(message, db):
    customer, address, version = (message.body[k] for k in ("customer", "address", "version"))
    with db.atomic():
        if db["customer"].get(customer)["version"] < version:
            db["customer"].update(customer, {"address": address, "version": version})
