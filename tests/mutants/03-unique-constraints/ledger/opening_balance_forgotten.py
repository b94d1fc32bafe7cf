# diagnosis: wrong-effect
def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int}, pk=("transfer_id", "account")
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("nothing to transfer")
    db["ledger"].insert(message.body, ignore=True)


def settle(db):
    db.execute(  # here
        "UPDATE account SET balance = (SELECT sum(amount) FROM ledger WHERE account = account.id)"  # here
        " WHERE id IN (SELECT account FROM ledger)"  # here
    )  # here
