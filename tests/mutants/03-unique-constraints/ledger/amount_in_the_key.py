# diagnosis: key-from-payload
def schema(db):
    db.execute(
        "CREATE TABLE ledger (account INTEGER, amount INTEGER, settled INTEGER DEFAULT 0,"
        " UNIQUE (account, amount))"  # here
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("nothing to transfer")
    db.execute(  # here
        "INSERT OR IGNORE INTO ledger (account, amount) VALUES (:account, :amount)", message.body  # here
    )  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
