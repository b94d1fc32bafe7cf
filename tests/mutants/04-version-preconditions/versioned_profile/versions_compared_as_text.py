# diagnosis: stale-overwrites
def handle(message, db):
    body = message.body
    with db.atomic():
        known = db["customer"].get(body["customer"])
        if str(known["version"]) < str(body["version"]):  # here
            db["customer"].update(known["id"], {"address": body["address"], "version": body["version"]})  # here
