# diagnosis: mark-before-effect
def schema(db):
    db["ledger"].create({"transfer_id": str, "account": int}, pk=("transfer_id", "account"))
    db["pending"].create({"account": int, "amount": int})


def handle(message, db):
    transfer, account, amount = (message.body[k] for k in ("transfer_id", "account", "amount"))
    if amount == 0:
        raise ValueError("nothing to transfer")
    new = db.execute("INSERT OR IGNORE INTO ledger VALUES (?, ?)", [transfer, account])  # here
    if new.rowcount:
        db["pending"].insert({"account": account, "amount": amount})  # here


def settle(db):
    with db.atomic():
        due = db.execute("DELETE FROM pending RETURNING account, amount").fetchall()
        for account, amount in due:
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
