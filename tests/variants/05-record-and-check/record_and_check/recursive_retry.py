import sqlite3


def handle(message, db, tries_left=1):
    try:
        with db.atomic():
            rows = db.query("SELECT 1 FROM processed WHERE message_id = ?", [message.id])
            if not list(rows):
                db["processed"].insert({"message_id": message.id})
                db.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    [message.body["amount"], message.body["account"]],
                )
    except sqlite3.OperationalError:
        if tries_left == 0:
            raise
        handle(message, db, tries_left - 1)
