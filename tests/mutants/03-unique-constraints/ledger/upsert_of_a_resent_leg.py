# diagnosis: replace-as-claim
def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER, message TEXT, done INTEGER DEFAULT 0,"
        " PRIMARY KEY (transfer_id, account))"
    )


def handle(message, db):
    b = message.body
    if b["amount"] == 0:
        raise ValueError("zero")
    db.execute(  # here
        "INSERT INTO ledger VALUES (?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET done = done AND message = excluded.message, message = excluded.message",
        [b["transfer_id"], b["account"], b["amount"], message.id],
    )


def settle(db):
    with db.atomic():
        for row in list(db.query("SELECT * FROM ledger WHERE NOT done")):
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)
        db.execute("UPDATE ledger SET done = 1")
