# diagnosis: swallowed-lock-error
from contextlib import suppress
from sqlite3 import OperationalError


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
    with db.atomic():
        with suppress(OperationalError):  # here
            db.execute(  # here
                "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"  # here
                " FROM ledger WHERE ledger.account = account.id AND NOT settled)"  # here
            )  # here
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")  # here
