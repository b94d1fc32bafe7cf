def schema(db):
    db.executescript(
        """
        CREATE TABLE ledger (
            transfer_id TEXT,
            account INTEGER,
            amount INTEGER CHECK (amount != 0),
            UNIQUE (transfer_id, account)
        );
        CREATE TRIGGER book AFTER INSERT ON ledger
        BEGIN
            UPDATE account SET balance = balance + NEW.amount WHERE id = NEW.account;
        END;
        """
    )


def handle(message, db):
    db.execute(
        "INSERT INTO ledger VALUES (:transfer_id, :account, :amount)"
        " ON CONFLICT (transfer_id, account) DO NOTHING",
        message.body,
    )


def settle(db):
    pass  # the trigger keeps the balances up to date
