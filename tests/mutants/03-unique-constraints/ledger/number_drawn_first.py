# diagnosis: check-then-act
def schema(db):
    db.execute(
        "CREATE TABLE ledger (n INTEGER, transfer_id TEXT, account INTEGER, amount INTEGER,"
        " UNIQUE (transfer_id, account))"
    )
    db["counter"].insert_all([{"name": "drawn", "n": 0}, {"name": "settled", "n": 0}], pk="name")


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("nothing to transfer")
    with db.atomic():
        ((n,),) = db.execute(  # here
            "UPDATE counter SET n = n + 1 WHERE name = 'drawn' RETURNING n"  # here
        ).fetchall()
    db["ledger"].insert({"n": n, **message.body}, ignore=True)  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0) FROM ledger"
            " WHERE account = account.id AND n > (SELECT n FROM counter WHERE name = 'settled'))"
        )
        db.execute(  # here
            "UPDATE counter SET n = (SELECT coalesce(max(n), 0) FROM ledger) WHERE name = 'settled'"
        )
