from contextlib import ExitStack, suppress
from functools import partial
from sqlite3 import IntegrityError


def handle(message, db):
    run = partial(db.execute)
    with ExitStack() as stack:
        stack.enter_context(suppress(IntegrityError))
        stack.enter_context(db.atomic())
        run("INSERT INTO processed VALUES (?)", [message.id])
        run("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
