def schema(db):
    db["sale"].create({"order_id": str, "amount": int})


def handle(message, db):
    db.execute("BEGIN IMMEDIATE")
    try:
        if db["sale"].count_where("order_id = ?", [message.body["order_id"]]) == 0:
            db["sale"].insert(message.body)
    except BaseException:
        db.rollback()
        raise
    db.commit()


def total(db):
    return db.execute("SELECT COALESCE(SUM(amount), 0) FROM sale").fetchone()[0]
