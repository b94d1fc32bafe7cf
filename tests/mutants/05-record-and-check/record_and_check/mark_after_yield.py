# diagnosis: check-then-act
import contextlib


@contextlib.contextmanager
def exactly_once(db, message_id):
    seen = db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message_id]).fetchone()  # here
    yield seen is None
    db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message_id])  # here


def handle(message, db):
    with exactly_once(db, message.id) as fresh:
        if fresh:
            db.execute(  # here
                "UPDATE account SET balance = balance + ? WHERE id = ?",  # here
                [message.body["amount"], message.body["account"]],
            )
