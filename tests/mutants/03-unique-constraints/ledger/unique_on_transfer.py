# diagnosis: key-too-narrow
def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int, "settled": int},
        pk="transfer_id",  # here
        defaults={"settled": 0},
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("a transfer of nothing")
    db.execute(  # here
        "INSERT INTO ledger (transfer_id, account, amount)"  # here
        " VALUES (:transfer_id, :account, :amount) ON CONFLICT DO NOTHING",  # here
        message.body,
    )  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
