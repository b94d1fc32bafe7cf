# diagnosis: stale-overwrites
REPLACE = "INSERT OR REPLACE INTO customer (id, address, version) VALUES (?, ?, ?)"  # here


def handle(message, db):
    with db.atomic():
        db.execute(  # here
            REPLACE,
            [message.body["customer"], message.body["address"], message.body["version"]],
        )  # here
