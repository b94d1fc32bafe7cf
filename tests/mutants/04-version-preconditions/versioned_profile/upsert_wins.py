# diagnosis: stale-overwrites
def handle(message, db):
    profile = {"id": message.body["customer"], **message.body}
    del profile["customer"]
    db["customer"].upsert(profile, pk="id")  # here
