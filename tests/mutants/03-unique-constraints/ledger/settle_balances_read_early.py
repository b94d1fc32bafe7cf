# diagnosis: lost-update
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
    balances = {row["id"]: row["balance"] for row in db["account"].rows}  # here
    for row in list(db["ledger"].rows_where("settled = 0")):
        with db.atomic():
            mark = db.execute(
                "UPDATE ledger SET settled = 1"
                " WHERE transfer_id = :transfer_id AND account = :account AND settled = 0",
                row,
            )
            if mark.rowcount:
                balances[row["account"]] += row["amount"]  # here
                db["account"].update(row["account"], {"balance": balances[row["account"]]})  # here
