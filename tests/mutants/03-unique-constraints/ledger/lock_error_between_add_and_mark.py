# diagnosis: swallowed-lock-error
import sqlite3


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
        with db.atomic():
            try:
                db.execute(  # here
                    "UPDATE account SET balance = balance + :amount WHERE id = :account AND EXISTS"
                    " (SELECT 1 FROM ledger WHERE transfer_id = :transfer_id"
                    " AND account = :account AND settled = 0)",
                    row,
                )
            except sqlite3.OperationalError:  # here
                pass  # here
            db["ledger"].update((row["transfer_id"], row["account"]), {"settled": 1})
