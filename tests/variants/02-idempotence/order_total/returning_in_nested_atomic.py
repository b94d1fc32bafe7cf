def schema(db):
    db["orders"].create({"order_id": str}, pk="order_id")
    db["revenue"].insert({"id": 1, "cents": 0}, pk="id")


def new_orders(db, order_id):
    with db.atomic():
        return db.execute(
            "INSERT INTO orders VALUES (?) ON CONFLICT DO NOTHING RETURNING order_id", [order_id]
        ).fetchall()


def handle(message, db):
    with db.atomic():
        for _ in new_orders(db, message.body["order_id"]):
            with db.atomic():
                cents = db["revenue"].get(1)["cents"]
                db["revenue"].update(1, {"cents": cents + message.body["amount"]})


def total(db):
    return db["revenue"].get(1)["cents"]
