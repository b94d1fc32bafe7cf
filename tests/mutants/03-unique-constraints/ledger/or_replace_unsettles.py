# diagnosis: replace-as-claim
def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER,"
        " settled INTEGER DEFAULT 0, PRIMARY KEY (transfer_id, account))"
    )


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("amount 0")
    db.execute(  # here
        "INSERT OR REPLACE INTO ledger (transfer_id, account, amount) VALUES (?, ?, ?)",  # here
        [body["transfer_id"], body["account"], body["amount"]],
    )  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
