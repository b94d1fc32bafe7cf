def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int}, pk=("transfer_id", "account")
    )


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("amount is 0")
    with db.atomic():
        with db.atomic():
            entry = db.execute(
                "INSERT INTO ledger VALUES (:transfer_id, :account, :amount)"
                " ON CONFLICT DO UPDATE SET amount = excluded.amount WHERE FALSE",
                body,
            )
        if entry.rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", body)


def settle(db):
    """The balance was booked together with the ledger row."""
