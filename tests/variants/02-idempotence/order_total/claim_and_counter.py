def schema(db):
    db["orders"].create({"order_id": str}, pk="order_id")
    db["revenue"].insert({"id": 1, "cents": 0}, pk="id")


def handle(message, db):
    with db.atomic():
        claim = db.execute(
            "INSERT INTO orders VALUES (?) ON CONFLICT DO NOTHING", [message.body["order_id"]]
        )
        if claim.rowcount == 1:
            db.execute("UPDATE revenue SET cents = cents + ?", [message.body["amount"]])


def total(db):
    return db["revenue"].get(1)["cents"]
