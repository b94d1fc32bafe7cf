# diagnosis: memory-in-process
import sqlite3

SEEN = sqlite3.connect(":memory:")
SEEN.execute("CREATE TABLE seen (id TEXT PRIMARY KEY)")


def handle(message, db):
    if SEEN.execute("SELECT 1 FROM seen WHERE id = ?", [message.id]).fetchone():  # here
        return
    db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)  # here
    SEEN.execute("INSERT INTO seen VALUES (?)", [message.id])  # here
