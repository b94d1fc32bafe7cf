# diagnosis: memory-in-process
import functools


def schema(db):
    db["ledger"].create(
        {"transfer_id": str, "account": int, "amount": int, "settled": int},
        pk=("transfer_id", "account"),
        defaults={"settled": 0},
    )


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("0 is no amount")
    db["ledger"].insert(message.body, ignore=True)


@functools.lru_cache(maxsize=1)
def settle(db):
    with db.atomic():  # here
        db.execute(
            "UPDATE account SET balance = balance + due.amount FROM"
            " (SELECT account, sum(amount) AS amount FROM ledger WHERE settled = 0 GROUP BY account) AS due"
            " WHERE due.account = account.id"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE settled = 0")
