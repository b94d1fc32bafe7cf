# diagnosis: unreleased-claim
from redelivery import Retry

CREDIT = "UPDATE account SET balance = balance + :amount WHERE id = :account"


def handle(message, db):
    lock = "busy " + message.id
    if not db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [lock]).rowcount:  # here
        raise Retry("busy")  # here
    try:
        with db.atomic():
            if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
                db.execute(CREDIT, message.body)
    finally:
        db.execute("DELETE FROM processed WHERE message_id = ?", [lock])  # here
