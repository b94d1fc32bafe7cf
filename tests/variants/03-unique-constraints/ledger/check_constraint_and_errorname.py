import sqlite3

DUPLICATE = {"SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"}


def schema(db):
    db.execute(
        """
        CREATE TABLE ledger (
            transfer_id TEXT NOT NULL,
            account INTEGER NOT NULL REFERENCES account (id),
            amount INTEGER NOT NULL CHECK (amount <> 0),
            settled INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (transfer_id, account)
        ) WITHOUT ROWID
        """
    )


def handle(message, db):
    body = message.body
    try:
        db.execute(
            "INSERT INTO ledger (transfer_id, account, amount) VALUES (?, ?, ?)",
            [body["transfer_id"], body["account"], body["amount"]],
        )
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorname not in DUPLICATE:
            raise


def settle(db):
    db.execute("BEGIN IMMEDIATE")
    sums = db.execute("SELECT account, sum(amount) FROM ledger WHERE settled = 0 GROUP BY account")
    for account, amount in sums.fetchall():
        db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
    db.execute("UPDATE ledger SET settled = 1 WHERE settled = 0")
    db.execute("COMMIT")
