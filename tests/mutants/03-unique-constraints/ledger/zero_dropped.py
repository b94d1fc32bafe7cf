# diagnosis: accepted-invalid
def schema(db):
    db.executescript(
        """
        CREATE TABLE ledger (
            transfer_id TEXT, account INTEGER, amount INTEGER, PRIMARY KEY (transfer_id, account)
        );
        CREATE TRIGGER book AFTER INSERT ON ledger BEGIN
            UPDATE account SET balance = balance + NEW.amount WHERE id = NEW.account;
        END;
        """
    )


def handle(message, db):
    if message.body["amount"] == 0:  # here
        print("ignored", message.id)  # here
        return  # here
    db.execute("INSERT OR IGNORE INTO ledger VALUES (:transfer_id, :account, :amount)", message.body)


def settle(db):
    pass
