# diagnosis: replace-as-claim
def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int, "state": str},
        pk=("transfer_id", "account"),
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("amount 0")
    entry = {**message.body, "state": "open"}
    db["ledger"].upsert(entry, pk=("transfer_id", "account"))  # here


def settle(db):
    db.execute("BEGIN IMMEDIATE")
    for row in list(db["ledger"].rows_where("state = 'open'")):
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)
        db["ledger"].update((row["transfer_id"], row["account"]), {"state": "settled"})
    db.execute("COMMIT")
