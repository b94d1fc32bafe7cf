known = set()


def schema(db):
    with db.conn:
        db.conn.execute(
            "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER,"
            " settled INTEGER DEFAULT 0, PRIMARY KEY (transfer_id, account))"
        )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("0 is no amount")
    db["ledger"].insert(message.body, ignore=True)


def settle(db):
    with db.atomic():
        due = list(db.execute("SELECT account, sum(amount) FROM ledger WHERE settled = 0 GROUP BY account"))
        for account, amount in due:
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
            known.add(account)
        db.execute("UPDATE ledger SET settled = 1 WHERE settled = 0")
    print("settled", len(due), "of", len(known), "accounts")
