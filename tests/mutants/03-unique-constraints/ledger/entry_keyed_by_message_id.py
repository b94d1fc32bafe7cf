# diagnosis: key-from-message-id
def schema(db):
    db.execute(
        "CREATE TABLE entry (id TEXT PRIMARY KEY, account INTEGER, amount INTEGER CHECK (amount <> 0),"
        " settled INTEGER DEFAULT 0)"
    )


def handle(message, db):
    db.execute(  # here
        "INSERT INTO entry (id, account, amount) VALUES (:id, :account, :amount) ON CONFLICT DO NOTHING",
        {**message.body, "id": message.id},
    )  # here


def settle(db):
    with db.atomic():
        for row in list(db.query("SELECT * FROM entry WHERE NOT settled")):
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", row)
        db.execute("UPDATE entry SET settled = 1 WHERE NOT settled")
