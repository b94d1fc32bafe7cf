import copy


def handle(message, db):
    mine = copy.deepcopy(message)
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [mine.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", mine.body)
