# diagnosis: swallowed-lock-error
import sqlite3


def handle(message, db):
    try:
        with db.atomic():
            if db["customer"].get(message.body["customer"])["version"] < message.body["version"]:
                db.execute(
                    "UPDATE customer SET address = :address, version = :version WHERE id = :customer",
                    message.body,
                )
    except sqlite3.OperationalError as error:  # here
        print(error)  # here
