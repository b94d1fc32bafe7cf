# diagnosis: memory-in-process
newest = {}  # here


def handle(message, db):
    customer, version = message.body["customer"], message.body["version"]
    if newest.get(customer, -1) >= version:  # here
        return
    db["customer"].update(customer, {"address": message.body["address"], "version": version})
    newest[customer] = version  # here
