# diagnosis: swallowed-lock-error
import sqlite3


def handle(message, db):
    try:
        with db.atomic():
            account = db["account"].get(message.body["account"])
            if account["version"] < message.body["version"]:
                raise Retry("too early")
            if account["version"] == message.body["version"]:
                account["balance"] += message.body["amount"]
                account["version"] += 1
                db["account"].update(account["id"], account)
    except sqlite3.OperationalError:  # here
        pass  # here
