# diagnosis: memory-in-process
applied = set()  # here


def handle(message, db):
    account, version = message.body["account"], message.body["version"]
    if (account, version) in applied:  # here
        return
    db.execute(
        "UPDATE account SET balance = balance + ?, version = version + 1 WHERE id = ?",
        [message.body["amount"], account],
    )
    applied.add((account, version))  # here
