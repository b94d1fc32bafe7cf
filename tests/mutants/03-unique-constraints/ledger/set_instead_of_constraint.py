# diagnosis: memory-in-process
booked = set()  # here


def schema(db):
    db["ledger"].create({"transfer_id": str, "account": int, "amount": int, "settled": int})


def handle(message, db):
    key = message.body["transfer_id"], message.body["account"]
    if message.body["amount"] == 0:
        raise ValueError("nothing to transfer")
    if key not in booked:  # here
        db["ledger"].insert({**message.body, "settled": 0})
        booked.add(key)  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND NOT settled)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE NOT settled")
