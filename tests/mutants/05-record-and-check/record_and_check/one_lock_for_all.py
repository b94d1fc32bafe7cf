# diagnosis: unreleased-claim
from redelivery import Retry


class Mutex:
    def __init__(self, db):
        self.db = db

    def __enter__(self):
        cur = self.db.execute("INSERT OR IGNORE INTO processed VALUES ('mutex')")  # here
        if cur.rowcount == 0:
            raise Retry("mutex is taken")  # here

    def __exit__(self, *exception):
        self.db["processed"].delete("mutex")  # here


def handle(message, db):
    with Mutex(db), db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]):
            return
        db["processed"].insert({"message_id": message.id})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
