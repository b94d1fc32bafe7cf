# diagnosis: mark-before-effect
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
    for row in list(db["ledger"].rows_where("settled = 0")):
        mark = db.execute(  # here
            "UPDATE ledger SET settled = 1"  # here
            " WHERE transfer_id = :transfer_id AND account = :account AND settled = 0",  # here
            row,
        )  # here
        if mark.rowcount == 1:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)  # here
