# diagnosis: memory-in-process
settled = set()


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
    done = []
    with db.atomic():
        for account, amount in list(
            db.execute("SELECT account, sum(amount) FROM ledger WHERE settled = 0 GROUP BY account")
        ):
            if account in settled:  # here
                continue
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
            db.execute("UPDATE ledger SET settled = 1 WHERE account = ?", [account])
            done.append(account)
    settled.update(done)
