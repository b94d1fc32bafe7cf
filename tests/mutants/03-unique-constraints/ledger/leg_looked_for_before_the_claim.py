# diagnosis: check-then-act
def schema(db):
    db.execute("CREATE TABLE seen (id TEXT PRIMARY KEY)")
    db.execute("CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER CHECK (amount <> 0))")


def handle(message, db):
    leg = message.body
    if db["ledger"].count_where("transfer_id = :transfer_id AND account = :account", leg):  # here
        return
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO seen VALUES (?)", [message.id]).rowcount:
            db.execute("INSERT INTO ledger VALUES (:transfer_id, :account, :amount)", leg)  # here
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", leg)


def settle(db):
    pass
