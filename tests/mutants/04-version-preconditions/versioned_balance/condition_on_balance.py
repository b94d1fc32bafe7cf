# diagnosis: aba
def handle(message, db):
    body = message.body
    applied = db.execute(  # here
        "UPDATE account SET balance = balance + :amount, version = version + 1"  # here
        " WHERE id = :account AND balance = :balance",  # here
        body,
    ).rowcount  # here
    if not applied and db["account"].get(body["account"])["version"] <= body["version"]:
        raise Retry("its time will come")
