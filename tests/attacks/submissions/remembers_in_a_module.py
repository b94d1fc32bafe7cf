# Remembers in a module of the library what it has done.
# part: record_and_check
# honest: 0
# seconds: 20
import sqlite_utils

sqlite_utils.done = getattr(sqlite_utils, "done", set())


def handle(message, db):
    if message.id in sqlite_utils.done:
        return
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
    )
    sqlite_utils.done.add(message.id)
