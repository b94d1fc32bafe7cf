# diagnosis: key-too-narrow
def schema(db):
    db.execute("CREATE TABLE opening AS SELECT id, balance FROM account")
    db["ledger"].create({"transfer_id": str, "account": int, "amount": int})


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("amount")
    with db.atomic():
        if db["ledger"].count_where("transfer_id = ?", [body["transfer_id"]]):  # here
            return  # here
        db["ledger"].insert(body)


def settle(db):
    db.execute(
        "UPDATE account SET balance = (SELECT balance FROM opening WHERE opening.id = account.id)"
        " + (SELECT coalesce(sum(amount), 0) FROM ledger WHERE ledger.account = account.id)"
    )
