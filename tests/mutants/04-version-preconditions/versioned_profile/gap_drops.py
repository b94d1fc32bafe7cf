# diagnosis: early-dropped
def handle(message, db):
    body = message.body
    with db.atomic():
        known = db["customer"].get(body["customer"])
        if body["version"] - known["version"] != 1:  # here
            return
        db["customer"].update(known["id"], {"address": body["address"], "version": body["version"]})
