def schema(db):
    db.execute("CREATE TABLE opening AS SELECT id, balance FROM account")
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int}, pk=("transfer_id", "account")
    )


def handle(message, db):
    if not message.body["amount"]:
        raise ValueError("nothing to book")
    db["ledger"].insert(message.body, ignore=True)


def settle(db):
    db.execute(
        """
        UPDATE account SET balance = (
            SELECT opening.balance + total(ledger.amount)
            FROM opening LEFT JOIN ledger ON ledger.account = opening.id
            WHERE opening.id = account.id
        )
        """
    )
