from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database


@dataclass(frozen=True)
class Payment:
    id: str
    account: int
    amount: int

    @classmethod
    def of(cls, message) -> Payment:
        return cls(message.id, **message.body)

    def is_recorded(self, db: Database) -> bool:
        return db["processed"].count_where("message_id = ?", [self.id]) > 0

    def record(self, db: Database) -> None:
        db["processed"].insert({"message_id": self.id})
        sql = "UPDATE account SET balance = balance + ? WHERE id = ?"
        db.execute(sql, [self.amount, self.account])


def handle(message, db: Database) -> None:
    payment = Payment.of(message)
    with db.atomic():
        if not payment.is_recorded(db):
            payment.record(db)
