# diagnosis: swallowed-lock-error
import contextlib
import sqlite3


def handle(message, db):
    account, version, amount = (message.body[name] for name in ("account", "version", "amount"))
    (stored,) = db.execute("SELECT version FROM account WHERE id = ?", [account]).fetchone()
    if stored < version:
        raise Retry
    with contextlib.suppress(sqlite3.OperationalError):  # here
        db.execute(
            "UPDATE account SET balance = balance + ?, version = version + 1 WHERE id = ? AND version = ?",
            [amount, account, version],
        )
