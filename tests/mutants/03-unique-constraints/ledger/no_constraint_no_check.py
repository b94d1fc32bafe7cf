# diagnosis: no-duplicate-check
def schema(db):
    db["ledger"].create(  # here
        {"id": int, "transfer_id": str, "account": int, "amount": int, "settled": int},  # here
        pk="id",  # here
        defaults={"settled": 0},
    )
    db["ledger"].create_index(["transfer_id", "account"])  # here


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("nothing to transfer")
    db["ledger"].insert(message.body, ignore=True)  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
