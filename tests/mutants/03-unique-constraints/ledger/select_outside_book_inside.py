# diagnosis: check-then-act
def schema(db):
    db.execute("CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER)")  # here


def handle(message, db):
    transfer, account, amount = (message.body[k] for k in ("transfer_id", "account", "amount"))
    if not amount:
        raise ValueError(message.id)
    rows = db.execute(  # here
        "SELECT * FROM ledger WHERE transfer_id = ? AND account = ?", [transfer, account]  # here
    ).fetchall()  # here
    if rows:  # here
        return
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO ledger VALUES (?, ?, ?)", [transfer, account, amount])  # here
    db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])  # here
    db.commit()


def settle(db):
    pass
