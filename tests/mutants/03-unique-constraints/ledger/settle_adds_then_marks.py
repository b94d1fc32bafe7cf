# diagnosis: effect-before-mark
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
    for row in list(db["ledger"].rows_where("settled = 0")):  # here
        with db.atomic():
            db.execute(  # here
                "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
                [row["amount"], row["account"]],
            )  # here
        with db.atomic():  # here
            db["ledger"].update((row["transfer_id"], row["account"]), {"settled": 1})  # here
