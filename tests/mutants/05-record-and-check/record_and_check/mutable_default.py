# diagnosis: memory-in-process
def handle(message, db, done={}):  # here
    if done.get(message.id):  # here
        return
    db["account"].update(
        message.body["account"],
        {"balance": message.body["amount"]},
        conversions={"balance": "balance + ?"},
    )
    done[message.id] = True  # here
