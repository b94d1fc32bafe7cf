# Right, and keeps a file in the temp folder meanwhile: not simulated, so no points, and the reason is said.
# part: record_and_check
# honest: 0
# seconds: 60
import tempfile

import sqlite3


def handle(message, db):
    with db.atomic():
        db.execute("INSERT INTO processed VALUES (?)", [message.id])
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
        )


right = handle


def handle(message, db):
    with tempfile.TemporaryFile() as file:
        file.write(b'x')
    try:
        right(message, db)
    except sqlite3.IntegrityError:
        return
