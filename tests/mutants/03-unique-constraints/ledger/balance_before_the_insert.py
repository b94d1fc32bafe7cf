# diagnosis: effect-before-mark
import sqlite3


def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int}, pk=("transfer_id", "account")
    )


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("amount is 0")
    db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", body)  # here
    try:
        db["ledger"].insert(body)  # here
    except sqlite3.IntegrityError:
        db.execute("UPDATE account SET balance = balance - :amount WHERE id = :account", body)


def settle(db):
    pass
