# diagnosis: check-then-act
def schema(db):
    db.execute(
        "CREATE TABLE ledger (n INTEGER PRIMARY KEY, transfer_id TEXT, account INTEGER,"
        " amount INTEGER CHECK (amount <> 0), UNIQUE (transfer_id, account))"
    )
    db["settled"].insert({"id": 1, "up_to": 0}, pk="id")


def handle(message, db):
    db.execute(
        "INSERT INTO ledger (transfer_id, account, amount) VALUES (:transfer_id, :account, :amount)"
        " ON CONFLICT (transfer_id, account) DO NOTHING",
        message.body,
    )


def settle(db):
    mark = db["settled"].get(1)["up_to"]  # here
    rows = list(db["ledger"].rows_where("n > ?", [mark], order_by="n"))  # here
    with db.atomic():
        for row in rows:
            balance = db["account"].get(row["account"])["balance"]
            db["account"].update(row["account"], {"balance": balance + row["amount"]})  # here
        if rows:
            db["settled"].update(1, {"up_to": rows[-1]["n"]})  # here
