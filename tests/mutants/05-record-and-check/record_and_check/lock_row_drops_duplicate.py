# diagnosis: unreleased-claim
from contextlib import contextmanager


@contextmanager
def lock(db, name):
    taken = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [name]).rowcount == 1  # here
    try:
        yield taken
    finally:
        if taken:
            db.execute("DELETE FROM processed WHERE message_id = ?", [name])  # here


def handle(message, db):
    with lock(db, f"in progress: {message.id}") as mine:
        if not mine:  # here
            return  # here
        with db.atomic():
            if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
                db.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    [message.body["amount"], message.body["account"]],
                )
