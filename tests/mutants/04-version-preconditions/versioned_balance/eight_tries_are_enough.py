# diagnosis: early-dropped
from redelivery import Retry
def handle(message, db):
    done = db.execute("UPDATE account SET balance = balance + :amount, version = version + 1 WHERE id = :account AND version = :version", message.body)
    if done.rowcount == 0 and db["account"].get(message.body["account"])["version"] <= message.body["version"]:  # here
        if message.attempt > 8:
            return
        raise Retry("too early")
