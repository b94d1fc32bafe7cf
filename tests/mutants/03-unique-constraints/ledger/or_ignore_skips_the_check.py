# diagnosis: accepted-invalid
def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT, account INTEGER,"
        " amount INTEGER CHECK (amount <> 0), settled INTEGER DEFAULT 0,"
        " UNIQUE (transfer_id, account))"
    )


def handle(message, db):
    db.execute(  # here
        "INSERT OR IGNORE INTO ledger (transfer_id, account, amount)"  # here
        " VALUES (:transfer_id, :account, :amount)",  # here
        message.body,
    )  # here


def settle(db):
    with db.conn:
        db.conn.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND settled = 0)"
        )
        db.conn.execute("UPDATE ledger SET settled = 1 WHERE settled = 0")
