# diagnosis: wrong-integrity-error
from contextlib import suppress
from sqlite3 import IntegrityError


def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int, "settled": int},
        pk=("transfer_id", "account"),
        not_null={"amount"},
        defaults={"settled": 0},
    )


def handle(message, db):
    entry = dict(message.body)
    entry["amount"] = entry["amount"] or None
    with suppress(IntegrityError):  # here
        db["ledger"].insert(entry)  # here


def settle(db):
    db.execute("BEGIN IMMEDIATE")
    for row in list(db["ledger"].rows_where("settled = 0")):
        db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)
    db.execute("UPDATE ledger SET settled = 1")
    db.commit()
