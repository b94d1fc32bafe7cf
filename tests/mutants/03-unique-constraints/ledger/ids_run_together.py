# diagnosis: key-collision
def schema(db):
    db["ledger"].create(
        {"key": str, "account": int, "amount": int, "settled": int}, pk="key", defaults={"settled": 0}
    )


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("nothing to transfer")
    key = f"{body['transfer_id']}{body['account']}"  # here
    db["ledger"].insert(
        {"key": key, "account": body["account"], "amount": body["amount"]}, ignore=True
    )


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
