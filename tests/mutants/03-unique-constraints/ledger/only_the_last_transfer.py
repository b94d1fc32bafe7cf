# diagnosis: expiring-mark
def schema(db):
    db["last"].create({"account": int, "transfer_id": str}, pk="account")


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        raise ValueError("nothing to transfer")
    with db.atomic():
        new = db.execute(  # here
            "INSERT INTO last VALUES (:account, :transfer_id) ON CONFLICT DO UPDATE"  # here
            " SET transfer_id = excluded.transfer_id WHERE transfer_id <> excluded.transfer_id",  # here
            body,
        )
        if new.rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", body)


def settle(db):
    pass
