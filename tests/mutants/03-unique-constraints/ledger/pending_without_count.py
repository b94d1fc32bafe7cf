# diagnosis: ignored-count
def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, PRIMARY KEY (transfer_id, account))"
    )
    db.execute("CREATE TABLE pending (account INTEGER, amount INTEGER)")


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("no amount")
    with db.atomic():
        db.execute("INSERT OR IGNORE INTO ledger VALUES (:transfer_id, :account)", body)  # here
        db.execute("INSERT INTO pending VALUES (:account, :amount)", body)  # here


def settle(db):
    with db.atomic():
        for account, amount in db.execute(
            "DELETE FROM pending RETURNING account, amount"
        ).fetchall():
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
