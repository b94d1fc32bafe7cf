# diagnosis: early-dropped
import time


def handle(message, db):
    for _ in range(3):  # here
        done = db.execute(
            "UPDATE account SET balance = balance + :amount, version = version + 1"
            " WHERE id = :account AND version = :version",
            message.body,
        ).rowcount
        if done:  # here
            break
        time.sleep(0.1)  # here
