# diagnosis: poison-message
def schema(db):
    db.executescript(
        """
        CREATE TABLE ledger (
            transfer_id TEXT, account INTEGER, amount INTEGER CHECK (amount <> 0),
            PRIMARY KEY (transfer_id, account)
        );
        CREATE TRIGGER book AFTER INSERT ON ledger BEGIN
            UPDATE account SET balance = balance + NEW.amount WHERE id = NEW.account;
        END;
        """
    )


def handle(message, db):
    db["ledger"].insert(message.body)  # here


def settle(db):
    pass
