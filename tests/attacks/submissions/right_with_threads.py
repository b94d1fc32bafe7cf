# Right, and asks a thread for a number: not simulated, so no points, and the reason is said.
# part: record_and_check
# honest: 0
# seconds: 60
import sqlite3
from concurrent.futures import ThreadPoolExecutor


def right(message, db):
    with db.atomic():
        db.execute("INSERT INTO processed VALUES (?)", [message.id])
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
        )


def handle(message, db):
    with ThreadPoolExecutor(2) as pool:
        assert pool.submit(lambda: 7).result() == 7
    try:
        right(message, db)
    except sqlite3.IntegrityError:
        return
