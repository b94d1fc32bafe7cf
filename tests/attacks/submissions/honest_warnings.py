# Honest, with warnings.
# part: record_and_check
# honest: all
# seconds: 20
import warnings

warnings.warn("this is deprecated")
warnings.simplefilter("error", ResourceWarning)

import sqlite3


def handle(message, db):
    with db.atomic():
        db.execute("INSERT INTO processed VALUES (?)", [message.id])
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
        )


right = handle


def handle(message, db):
    try:
        right(message, db)
    except sqlite3.IntegrityError:
        return
