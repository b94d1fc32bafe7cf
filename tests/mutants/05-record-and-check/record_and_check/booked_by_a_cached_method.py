# diagnosis: memory-in-process
import functools


class Consumer:
    registry = {}

    def __init__(self, name):
        self.name = name
        Consumer.registry[name] = self

    @functools.lru_cache(maxsize=None)
    def book(self, message_id, account, amount, db):
        db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])


CONSUMER = Consumer("one")


def handle(message, db):
    CONSUMER.book(message.id, message.body["account"], message.body["amount"], db)  # here
