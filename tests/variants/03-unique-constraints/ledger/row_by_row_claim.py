def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int, "done": bool},
        pk=["account", "transfer_id"],
        defaults={"done": 0},
    )


def handle(message, db):
    amount = message.body["amount"]
    if amount == 0:
        raise ValueError(amount)
    sql = "INSERT OR IGNORE INTO ledger (transfer_id, account, amount) VALUES (?, ?, ?)"
    db.execute(sql, [message.body["transfer_id"], message.body["account"], amount])


def settle(db):
    for row in list(db["ledger"].rows_where("done = 0")):
        settle_row(db, row)


def settle_row(db, row):
    with db.atomic():
        claim = db.execute(
            "UPDATE ledger SET done = 1"
            " WHERE transfer_id = :transfer_id AND account = :account AND done = 0",
            row,
        )
        if claim.rowcount == 1:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)
