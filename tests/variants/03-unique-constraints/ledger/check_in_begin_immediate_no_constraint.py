class Ledger:
    def __init__(self, db):
        self.db = db

    def __contains__(self, key):
        return self.db["ledger"].count_where("transfer_id = ? AND account = ?", list(key)) > 0

    def add(self, transfer_id, account, amount):
        if amount == 0:
            raise ValueError("a transfer has an amount")
        self.db.execute("BEGIN IMMEDIATE")
        if (transfer_id, account) not in self:
            self.db["ledger"].insert(
                {"transfer_id": transfer_id, "account": account, "amount": amount, "state": "new"}
            )
        self.db.commit()

    def settle(self):
        self.db.execute("BEGIN IMMEDIATE")
        for row in list(self.db["ledger"].rows_where("state = 'new'")):
            account = self.db["account"].get(row["account"])
            self.db["account"].update(row["account"], {"balance": account["balance"] + row["amount"]})
        self.db.execute("UPDATE ledger SET state = 'settled' WHERE state = 'new'")
        self.db.commit()


def schema(db):
    db["ledger"].create({"transfer_id": str, "account": int, "amount": int, "state": str})


def handle(message, db):
    Ledger(db).add(**message.body)


def settle(db):
    Ledger(db).settle()
