# diagnosis: mark-before-effect
from contextlib import contextmanager


@contextmanager
def claimed(db, message_id):
    with db.conn:
        cur = db.conn.execute(  # here
            "INSERT INTO processed VALUES (?) ON CONFLICT DO NOTHING", (message_id,)  # here
        )
    yield cur.rowcount == 1  # here


def handle(message, db):
    with claimed(db, message.id) as new:  # here
        if new:
            with db.conn:
                db.conn.execute(  # here
                    "UPDATE account SET balance = balance + :amount WHERE id = :account",  # here
                    message.body,
                )
