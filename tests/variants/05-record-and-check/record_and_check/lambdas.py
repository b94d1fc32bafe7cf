mark = lambda db, key: db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [key]).rowcount
credit = lambda db, body: db.execute(
    "UPDATE account SET balance = balance + :amount WHERE id = :account", body
)
apply = lambda message, db: mark(db, message.id) and credit(db, message.body)


def handle(message, db):
    with db.atomic():
        apply(message, db)
