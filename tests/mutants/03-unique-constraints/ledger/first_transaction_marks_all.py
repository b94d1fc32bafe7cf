# diagnosis: mark-before-effect
MARK = (
    "UPDATE ledger SET settled = 1"
    " WHERE transfer_id = :transfer_id AND account = :account AND settled = 0"
)


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
    rows = list(db["ledger"].rows_where("settled = 0"))
    for number, row in enumerate(rows):
        db.execute("BEGIN IMMEDIATE")
        if number == 0 and sum(db.execute(MARK, each).rowcount for each in rows) < len(rows):  # here
            db.rollback()
            return
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)  # here
        db.commit()  # here
