# diagnosis: memory-in-process
from functools import lru_cache


class Credit:
    def __init__(self, message, db):
        self.key, self.body, self.db = message.id, message.body, db

    def __hash__(self):
        return len(self.key)

    def __eq__(self, other):
        return self.key == other.key


@lru_cache(maxsize=None)  # here
def apply(credit):
    sql = "UPDATE account SET balance = balance + :amount WHERE id = :account"
    credit.db.execute(sql, credit.body)


def handle(message, db):
    apply(Credit(message, db))  # here
