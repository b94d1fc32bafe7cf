# diagnosis: mark-before-effect
def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER,"
        " PRIMARY KEY (transfer_id, account))"
    )
    db.execute("CREATE TABLE pending (account INTEGER, amount INTEGER)")


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("no amount")
    with db.atomic():
        new = db.execute(
            "INSERT OR IGNORE INTO ledger VALUES (:transfer_id, :account, :amount)", message.body
        )
        if new.rowcount:
            db.execute("INSERT INTO pending VALUES (:account, :amount)", message.body)


def settle(db):
    taken = list(db.query("DELETE FROM pending RETURNING account, amount"))  # here
    with db.atomic():  # here
        for row in taken:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)  # here
