import sqlite3
import time


def once(message, db):
    with db.conn:
        db.conn.execute("BEGIN IMMEDIATE")
        account = db["account"].get(message.body["account"])
        if account["version"] == message.body["version"]:
            db["account"].update(
                account["id"],
                {
                    "balance": account["balance"] + message.body["amount"],
                    "version": account["version"] + 1,
                },
            )
        return account["version"]


def handle(message, db):
    for tries in range(3):
        try:
            found = once(message, db)
            break
        except sqlite3.OperationalError:
            time.sleep(0.01 * tries)
    else:
        raise Retry("busy")
    if found < message.body["version"]:
        raise Retry("early")
