from contextlib import contextmanager


@contextmanager
def claiming(db, message_id):
    with db.atomic():
        cursor = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message_id])
        yield cursor.rowcount == 1


def handle(message, db):
    with claiming(db, message.id) as is_new:
        if is_new:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
