import enum
import sqlite3

from redelivery import Retry


class Outcome(enum.Enum):
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    BUSY = "busy"


def attempt(message, db):
    try:
        with db.conn:
            db.conn.execute("INSERT INTO processed VALUES (?)", (message.id,))
            db.conn.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                (message.body["amount"], message.body["account"]),
            )
    except sqlite3.IntegrityError:
        return Outcome.DUPLICATE
    except sqlite3.OperationalError:
        return Outcome.BUSY
    return Outcome.APPLIED


def handle(message, db):
    if attempt(message, db) is Outcome.BUSY:
        raise Retry(Outcome.BUSY.value)
