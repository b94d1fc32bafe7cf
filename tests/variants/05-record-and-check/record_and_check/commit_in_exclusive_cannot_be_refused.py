import sqlite3


def handle(message, db):
    db.execute("BEGIN EXCLUSIVE")
    try:
        if not db["processed"].count_where("message_id = ?", [message.id]):
            db["processed"].insert({"message_id": message.id})
            account = db["account"].get(message.body["account"])
            db["account"].update(account["id"], {"balance": account["balance"] + message.body["amount"]})
    except BaseException:
        db.rollback()
        raise
    try:
        db.commit()
    except sqlite3.OperationalError:  # there is no reader for whom it could wait
        return
