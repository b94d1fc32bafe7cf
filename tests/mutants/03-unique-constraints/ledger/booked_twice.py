# diagnosis: wrong-effect
def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int, "settled": int},
        pk=("transfer_id", "account"),
        defaults={"settled": 0},
    )


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("nothing to transfer")
    with db.atomic():
        new = db.execute(
            "INSERT INTO ledger (transfer_id, account, amount)"
            " VALUES (:transfer_id, :account, :amount) ON CONFLICT DO NOTHING",
            body,
        )
        if new.rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", body)  # here


def settle(db):
    with db.atomic():
        db.execute(  # here
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"  # here
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"  # here
        )  # here
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
