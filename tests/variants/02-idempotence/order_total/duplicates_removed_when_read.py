def schema(db):
    db["delivery"].create({"message_id": str, "order_id": str, "amount": int})


def handle(message, db):
    db["delivery"].insert({"message_id": message.id, **message.body})


def total(db):
    amounts = {row["order_id"]: row["amount"] for row in db["delivery"].rows}
    return sum(amounts.values())
