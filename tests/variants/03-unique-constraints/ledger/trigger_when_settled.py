import sqlite3


def schema(db):
    db.executescript(
        """
        CREATE TABLE ledger (
            transfer_id TEXT NOT NULL,
            account INTEGER NOT NULL,
            amount INTEGER NOT NULL,
            settled INTEGER NOT NULL DEFAULT FALSE
        );
        CREATE UNIQUE INDEX one_change ON ledger (account, transfer_id);
        CREATE TRIGGER add_to_balance AFTER UPDATE OF settled ON ledger
        WHEN NEW.settled AND NOT OLD.settled
        BEGIN
            UPDATE account SET balance = balance + NEW.amount WHERE id = NEW.account;
        END;
        """
    )


def handle(message, db):
    assert message.body["amount"], "an amount of 0 is invalid"
    try:
        db["ledger"].insert(message.body)
    except sqlite3.IntegrityError as error:
        if not str(error).startswith("UNIQUE"):
            raise


def settle(db):
    db.execute("UPDATE ledger SET settled = TRUE WHERE NOT settled")
