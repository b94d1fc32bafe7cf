# diagnosis: mark-before-effect
def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int}, pk=("transfer_id", "account")
    )


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("amount is 0")
    entry = db.execute(  # here
        "INSERT OR IGNORE INTO ledger VALUES (:transfer_id, :account, :amount)", body  # here
    )  # here
    if entry.rowcount == 1:
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", body)  # here


def settle(db):
    pass
