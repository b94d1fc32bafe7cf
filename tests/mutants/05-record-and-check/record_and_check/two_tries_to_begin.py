# diagnosis: swallowed-lock-error
import sqlite3
import time


def handle(message, db):
    tries = 0
    while tries < 2:  # here
        try:
            db.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError:  # here
            tries += 1  # here
            time.sleep(tries)
    else:
        return  # here
    try:
        if not db["processed"].count_where("message_id = ?", [message.id]):
            db["processed"].insert({"message_id": message.id})
            sql = "UPDATE account SET balance = balance + :amount WHERE id = :account"
            db.execute(sql, message.body)
        db.commit()
    finally:
        db.rollback()
