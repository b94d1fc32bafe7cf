def version_of(db, account):
    return next(db["account"].rows_where("id = ?", [account]))["version"]


def handle(message, db):
    account, version = message.body["account"], message.body["version"]
    stored = version_of(db, account)
    if stored > version:
        return
    if stored < version:
        raise Retry("wait for the earlier ones")
    changed = db.execute(
        "UPDATE account SET balance = balance + ?, version = version + 1 WHERE id = ? AND version = ?",
        [message.body["amount"], account, version],
    ).rowcount
    assert changed in (0, 1)  # 0: a duplicate was faster
