# diagnosis: torn-update
def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER,"
        " settled INTEGER DEFAULT 0, PRIMARY KEY (transfer_id, account))"
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("amount 0")
    db.execute(
        "INSERT INTO ledger (transfer_id, account, amount) VALUES (:transfer_id, :account, :amount)"
        " ON CONFLICT DO NOTHING",
        message.body,
    )


def settle(db):
    db.execute(  # here
        "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"  # here
        " FROM ledger WHERE ledger.account = account.id AND NOT settled)"  # here
    )  # here
    db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")  # here
