# diagnosis: accepted-invalid
def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int, "settled": int},
        pk=("transfer_id", "account"),
    )


def handle(message, db):
    db["ledger"].insert({**message.body, "settled": 0}, ignore=True)  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
