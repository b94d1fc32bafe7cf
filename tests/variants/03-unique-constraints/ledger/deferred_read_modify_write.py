def schema(db):
    db["ledger"].create(
        {"key": str, "account": int, "amount": int, "settled": int}, pk="key", defaults={"settled": 0}
    )


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("invalid")
    with db.atomic():
        key = f"{body['account']}/{body['transfer_id']}"
        if db["ledger"].count_where("key = ?", [key]) == 0:
            db["ledger"].insert({"key": key, "account": body["account"], "amount": body["amount"]})


def settle(db):
    with db.atomic():
        for account in list(db["account"].rows):
            rows = list(db["ledger"].rows_where("account = ? AND settled = 0", [account["id"]]))
            if rows:
                account["balance"] += sum(row["amount"] for row in rows)
                db["account"].upsert(account, pk="id")
            for row in rows:
                db["ledger"].update(row["key"], {"settled": 1})
