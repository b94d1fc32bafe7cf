# diagnosis: swallowed-lock-error
import sqlite3


def handle(message, db):
    try:
        db.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:  # here
        return  # here
    try:
        if not db["processed"].count_where("message_id = ?", [message.id]):
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
            db["processed"].insert({"message_id": message.id})
    except BaseException:
        db.rollback()
        raise
    db.commit()
