# diagnosis: check-then-act
class Payments:
    def __init__(self, db):
        self.db = db

    def is_new(self, message_id):
        rows = self.db["processed"].rows_where("message_id = ?", [message_id])  # here
        return next(rows, None) is None  # here

    def book(self, message):
        with self.db.atomic():
            self.db["processed"].insert({"message_id": message.id}, ignore=True)  # here
            self.db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )


def handle(message, db):
    payments = Payments(db)
    if payments.is_new(message.id):  # here
        payments.book(message)
