# diagnosis: memory-in-process
class Consumer:
    finished = []  # here

    def __call__(self, message, db):
        if message.id not in self.finished:  # here
            with db.conn:
                db.conn.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    (message.body["amount"], message.body["account"]),
                )
            self.finished.append(message.id)  # here


handle = Consumer()
