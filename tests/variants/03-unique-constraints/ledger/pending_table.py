def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int}, pk=("transfer_id", "account")
    )
    db["pending"].create({"id": int, "account": int, "amount": int}, pk="id")


def handle(message, db):
    transfer, account, amount = (message.body[key] for key in ("transfer_id", "account", "amount"))
    if amount == 0:
        raise ValueError("amount 0")
    with db.atomic():
        new = db.execute(
            "INSERT INTO ledger VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING amount",
            [transfer, account, amount],
        ).fetchall()
        if new:
            db.execute(
                "INSERT INTO pending (account, amount) VALUES (?, ?)", [account, amount]
            )


def settle(db):
    with db.atomic():
        taken = db.execute("DELETE FROM pending RETURNING account, amount").fetchall()
        for account, amount in taken:
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
