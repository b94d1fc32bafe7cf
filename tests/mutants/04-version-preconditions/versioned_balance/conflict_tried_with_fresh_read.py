# diagnosis: version-from-store
class Conflict(Exception):
    pass


class Account:
    def __init__(self, db, number):
        self.db, self.number = db, number
        self.__dict__.update(db["account"].get(number))  # here

    def add(self, amount):
        changed = self.db.execute(  # here
            "UPDATE account SET balance = ?, version = ? WHERE id = ? AND version = ?",  # here
            [self.balance + amount, self.version + 1, self.number, self.version],  # here
        ).rowcount
        if changed == 0:
            raise Conflict


def handle(message, db):
    while True:  # here
        try:
            return Account(db, message.body["account"]).add(message.body["amount"])  # here
        except Conflict:  # here
            continue  # here
