# diagnosis: key-too-narrow
def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER CHECK (amount <> 0),"
        " settled INTEGER DEFAULT 0, UNIQUE (transfer_id, amount))"  # here
    )


def handle(message, db):
    db.execute(  # here
        "INSERT INTO ledger (transfer_id, account, amount) VALUES (:transfer_id, :account, :amount)"
        " ON CONFLICT DO NOTHING",
        message.body,
    )


def settle(db):
    with db.atomic():
        for row in list(db.query("SELECT * FROM ledger WHERE NOT settled")):
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
