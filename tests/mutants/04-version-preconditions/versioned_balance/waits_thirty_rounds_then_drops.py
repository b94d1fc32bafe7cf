# diagnosis: early-dropped
import time


def handle(message, db):
    body = message.body
    for _ in range(30):
        with db.atomic():
            done = db.execute(
                "UPDATE account SET balance = balance + :amount, version = version + 1 "
                "WHERE id = :account AND version = :version",
                body,
            ).rowcount
        if done or db["account"].get(body["account"])["version"] > body["version"]:  # here
            return
        time.sleep(1)
