class Handler:
    claim = "INSERT OR IGNORE INTO processed VALUES (?)"
    credit = "UPDATE account SET balance = balance + ? WHERE id = ?"

    def __call__(self, message, db):
        with db.atomic():
            if db.execute(self.claim, [message.id]).rowcount == 1:
                db.execute(self.credit, [message.body["amount"], message.body["account"]])


handle = Handler()
