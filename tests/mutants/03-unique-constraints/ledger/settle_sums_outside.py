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
    due = list(db["ledger"].rows_where("settled = 0"))  # here
    for row in due:  # here
        with db.atomic():
            db["account"].update(  # here
                row["account"], {"balance": row["amount"]}, conversions={"balance": "balance + ?"}  # here
            )  # here
            db["ledger"].update((row["transfer_id"], row["account"]), {"settled": 1})  # here
