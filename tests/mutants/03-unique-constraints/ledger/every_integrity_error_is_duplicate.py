# diagnosis: wrong-integrity-error
import sqlite3


def schema(db):
    db.execute(
        "CREATE TABLE ledger (transfer_id TEXT NOT NULL, account INTEGER NOT NULL,"
        " amount INTEGER NOT NULL CHECK (amount <> 0), settled INTEGER NOT NULL DEFAULT 0,"
        " PRIMARY KEY (transfer_id, account))"
    )


def handle(message, db):
    try:
        db.execute(
            "INSERT INTO ledger (transfer_id, account, amount)"
            " VALUES (:transfer_id, :account, :amount)",
            message.body,
        )
    except sqlite3.IntegrityError:  # here
        print("duplicate", message.id)  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
