from dataclasses import dataclass


@dataclass
class Change:
    account: int
    amount: int
    version: int
    balance: int

    def apply(self, db):
        return db.execute(
            "UPDATE account SET balance = balance + ?, version = version + 1"
            " WHERE id = ? AND version = ? AND balance = ?",
            [self.amount, self.account, self.version, self.balance],
        ).rowcount

    def is_stale(self, db):
        newer = "id = ? AND version > ?"
        return db["account"].count_where(newer, [self.account, self.version]) == 1


def handle(message, db):
    change = Change(**message.body)
    if not change.apply(db) and not change.is_stale(db):
        raise Retry("the accounts do not agree yet")
