# diagnosis: check-then-act
def schema(db):
    db["ledger"].create({"transfer_id": str, "account": int, "amount": int, "settled": int})  # here


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("invalid amount")
    known = db["ledger"].count_where(  # here
        "transfer_id = ? AND account = ?", [body["transfer_id"], body["account"]]  # here
    )  # here
    if known:  # here
        return
    db["ledger"].insert({**body, "settled": 0})  # here


def settle(db):
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + (SELECT coalesce(sum(amount), 0)"
            " FROM ledger WHERE ledger.account = account.id AND settled = 0)"
        )
        db.execute("UPDATE ledger SET settled = 1 WHERE settled = 0")
