import sqlite3
import time


def begin(db):
    while True:
        try:
            return db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            time.sleep(0.1)


def handle(message, db):
    begin(db)
    if not db["processed"].count_where("message_id = ?", [message.id]):
        db["processed"].insert({"message_id": message.id})
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
    db.commit()
