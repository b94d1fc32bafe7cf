# diagnosis: swallowed-error
class Transaction:
    def __init__(self, db):
        self.db = db

    def __enter__(self):
        self.db.begin()
        return self.db

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.db.commit()
        else:
            self.db.rollback()
        return True  # here


def handle(message, db):
    with Transaction(db):
        if db["processed"].count_where("message_id = ?", [message.id]) == 0:
            db["processed"].insert({"message_id": message.id})
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
