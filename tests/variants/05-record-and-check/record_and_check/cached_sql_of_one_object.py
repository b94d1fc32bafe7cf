import functools


class Sql:
    all = set()

    def __init__(self):
        self.all.add(self)

    @functools.cached_property
    def mark(self):
        return "INSERT OR IGNORE INTO processed VALUES (?)"

    @functools.lru_cache
    def credit(self):
        return "UPDATE account SET balance = balance + :amount WHERE id = :account"


SQL = Sql()


def handle(message, db):
    with db.atomic():
        if db.execute(SQL.mark, [message.id]).rowcount:
            db.execute(SQL.credit(), message.body)
