class Immediate:
    def __init__(self, db):
        self.db = db

    def __enter__(self):
        self.db.execute("BEGIN IMMEDIATE")
        return self.db

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.db.commit()
        else:
            self.db.rollback()
        return False


def handle(message, db):
    with Immediate(db) as tx:
        if tx["processed"].count_where("message_id = ?", [message.id]):
            return
        tx["processed"].insert({"message_id": message.id})
        row = tx["account"].get(message.body["account"])
        tx["account"].update(row["id"], {"balance": row["balance"] + message.body["amount"]})
