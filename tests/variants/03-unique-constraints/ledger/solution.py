def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int, "settled": int},
        pk=("transfer_id", "account"),
        not_null=["amount", "settled"],
        defaults={"settled": 0},
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError(f"message {message.id} moves nothing")
    db.execute(
        "INSERT INTO ledger (transfer_id, account, amount)"
        " VALUES (:transfer_id, :account, :amount) ON CONFLICT DO NOTHING",
        message.body,
    )


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + ("
            " SELECT coalesce(sum(amount), 0) FROM ledger"
            " WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
