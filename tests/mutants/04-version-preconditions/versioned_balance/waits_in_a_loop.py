# diagnosis: endless-loop
import time


def handle(message, db):
    body = message.body
    while db["account"].get(body["account"])["version"] < body["version"]:  # here
        time.sleep(0.1)  # here
    db.execute(
        "UPDATE account SET balance = balance + :amount, version = version + 1"
        " WHERE id = :account AND version = :version",
        body,
    )
