# diagnosis: torn-update
class Balance:
    def __init__(self, db, account):
        self.db, self.account = db, account

    def claim(self, version):
        with self.db.atomic():
            stored = self.db["account"].get(self.account)["version"]
            if stored < version:
                raise Retry("early")
            if stored == version:
                self.db["account"].update(self.account, {"version": version + 1})  # here
            return stored == version

    def add(self, amount):
        with self.db.atomic():
            balance = self.db["account"].get(self.account)["balance"]
            self.db["account"].update(self.account, {"balance": balance + amount})  # here


def handle(message, db):
    balance = Balance(db, message.body["account"])
    if balance.claim(message.body["version"]):  # here
        balance.add(message.body["amount"])  # here
