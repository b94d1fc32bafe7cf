# diagnosis: key-collision
def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT COLLATE NOCASE, account INTEGER, amount INTEGER,"  # here
        " settled INTEGER DEFAULT 0, PRIMARY KEY (transfer_id, account))"  # here
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("nothing to transfer")
    db["ledger"].insert(message.body, ignore=True)  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
