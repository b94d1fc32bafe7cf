# diagnosis: key-from-delivery
def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, attempt INTEGER, amount INTEGER,"
        " settled INTEGER DEFAULT 0, PRIMARY KEY (transfer_id, account, attempt))"  # here
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("nothing to transfer")
    entry = {**message.body, "attempt": message.attempt}  # here
    db["ledger"].insert(entry, ignore=True)  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
