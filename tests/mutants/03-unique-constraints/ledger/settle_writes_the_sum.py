# diagnosis: check-then-act
def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int, "settled": int},
        pk=("transfer_id", "account"),
        defaults={"settled": 0},
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("nothing to transfer")
    db["ledger"].insert(message.body, ignore=True)


def settle(db):
    sums = db.execute(  # here
        "SELECT account.id, account.balance, sum(amount) FROM account"  # here
        " JOIN ledger ON ledger.account = account.id WHERE NOT settled GROUP BY account.id"  # here
    ).fetchall()  # here
    with db.atomic():
        for account, balance, amount in sums:
            db.execute("UPDATE account SET balance = ? WHERE id = ?", [balance + amount, account])  # here
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")  # here
