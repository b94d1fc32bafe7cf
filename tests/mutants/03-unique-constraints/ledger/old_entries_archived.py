# diagnosis: expiring-mark
def schema(db):
    db.execute(
        "CREATE TABLE ledger (number INTEGER PRIMARY KEY, transfer_id TEXT, account INTEGER,"
        " amount INTEGER CHECK (amount != 0), UNIQUE (transfer_id, account))"
    )


def handle(message, db):
    with db.atomic():
        added = db.execute(  # here
            "INSERT INTO ledger (transfer_id, account, amount) VALUES (:transfer_id, :account, :amount)"  # here
            " ON CONFLICT DO NOTHING",
            message.body,
        ).rowcount
        if added:  # here
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)  # here
            db.execute("DELETE FROM ledger WHERE number <= (SELECT max(number) FROM ledger) - 40")  # here


def settle(db):
    pass
