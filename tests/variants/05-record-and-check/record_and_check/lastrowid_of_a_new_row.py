import logging


def handle(message, db):
    with db.atomic():
        mark = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if mark.rowcount:
            logging.info("message %s is row %s", message.id, mark.lastrowid)
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
