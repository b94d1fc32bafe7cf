# diagnosis: lost-update
import sqlite3


def handle(message, db):
    account, amount = message.body["account"], message.body["amount"]
    with db.conn as conn:
        (old,) = conn.execute("SELECT balance FROM account WHERE id = ?", (account,)).fetchone()  # here
        try:
            conn.execute("INSERT INTO processed VALUES (?)", (message.id,))
        except sqlite3.IntegrityError:
            return
        conn.execute("UPDATE account SET balance = ? WHERE id = ?", (old + amount, account))  # here
