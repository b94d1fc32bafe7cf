# Honest, and prints sixty million characters.
# part: record_and_check
# honest: all
# seconds: 60
for _ in range(60):
    print("x" * 1_000_000)

import sqlite3


def handle(message, db):
    with db.atomic():
        db.execute("INSERT INTO processed VALUES (?)", [message.id])
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
        )


right = handle


def handle(message, db):
    print('y' * 10_000)
    try:
        right(message, db)
    except sqlite3.IntegrityError:
        return
