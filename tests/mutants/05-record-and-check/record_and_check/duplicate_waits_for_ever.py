# diagnosis: never-acknowledged
import time

from redelivery import Retry


def handle(message, db):
    with db.atomic():
        new = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount
        if new:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
    if not new:  # here
        time.sleep(1)
        raise Retry("let the other one acknowledge")  # here
