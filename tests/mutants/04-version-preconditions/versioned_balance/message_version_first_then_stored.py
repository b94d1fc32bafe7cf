# diagnosis: version-from-store
def apply(db, account, amount, version):
    sql = "UPDATE account SET balance = balance + ?, version = version + 1 WHERE id = ? AND version = ?"
    return db.execute(sql, [amount, account, version]).rowcount == 1  # here


def handle(message, db):
    account, version = message.body["account"], message.body["version"]
    while not apply(db, account, message.body["amount"], version):  # here
        version = db["account"].get(account)["version"]  # here
