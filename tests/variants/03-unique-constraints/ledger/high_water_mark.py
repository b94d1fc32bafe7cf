from contextlib import contextmanager


@contextmanager
def writing(db):
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.rollback()
        raise
    db.commit()


def schema(db):
    db.execute(
        "CREATE TABLE ledger (n INTEGER PRIMARY KEY, transfer_id TEXT, account INTEGER,"
        " amount INTEGER NOT NULL, UNIQUE (transfer_id, account))"
    )
    db.execute("CREATE TABLE settled (up_to INTEGER)")
    db.execute("INSERT INTO settled VALUES (0)")


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError(message.body)
    with writing(db):
        known = db.execute(
            "SELECT 1 FROM ledger WHERE transfer_id = :transfer_id AND account = :account",
            message.body,
        ).fetchone()
        if not known:
            db.execute(
                "INSERT INTO ledger (transfer_id, account, amount)"
                " VALUES (:transfer_id, :account, :amount)",
                message.body,
            )


def settle(db):
    with writing(db):
        ((mark,),) = db.execute("SELECT up_to FROM settled").fetchall()
        rows = db.execute("SELECT n, account, amount FROM ledger WHERE n > ?", [mark]).fetchall()
        for n, account, amount in rows:
            db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
            mark = max(mark, n)
        db.execute("UPDATE settled SET up_to = ?", [mark])
