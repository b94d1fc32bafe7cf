# diagnosis: lost-update
from dataclasses import dataclass


@dataclass
class Account:
    id: int
    balance: int

    @classmethod
    def load(cls, db, id):
        return cls(**db["account"].get(id))  # here

    def save(self, db):
        db["account"].upsert({"id": self.id, "balance": self.balance}, pk="id")  # here


def handle(message, db):
    account = Account.load(db, message.body["account"])  # here
    account.balance += message.body["amount"]
    with db.atomic():
        if not db["processed"].count_where("message_id = ?", [message.id]):
            db["processed"].insert({"message_id": message.id})
            account.save(db)  # here
