# diagnosis: uncommitted-effect
def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER,"
        " settled INTEGER DEFAULT 0, PRIMARY KEY (transfer_id, account))"
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("nothing to transfer")
    db.conn.execute(  # here
        "INSERT OR IGNORE INTO ledger (transfer_id, account, amount)"  # here
        " VALUES (:transfer_id, :account, :amount)",  # here
        message.body,
    )  # here


def settle(db):
    with db.conn as conn:
        conn.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        conn.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
