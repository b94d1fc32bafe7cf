# diagnosis: check-then-act
def handle(message, db):
    body = message.body
    stored = db["customer"].get(body["customer"])["version"]  # here
    if stored < body["version"]:  # here
        db["customer"].update(  # here
            body["customer"], {"address": body["address"], "version": body["version"]}  # here
        )  # here
