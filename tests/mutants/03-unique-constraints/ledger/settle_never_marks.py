# diagnosis: no-duplicate-check
def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int}, pk=("transfer_id", "account")
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("nothing to transfer")
    db["ledger"].insert(message.body, ignore=True)


def settle(db):
    with db.atomic():
        for row in list(db["ledger"].rows):  # here
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)  # here
