# diagnosis: key-from-payload
import sqlite3


def handle(message, db):
    account, amount = message.body["account"], message.body["amount"]  # here
    with db.atomic():
        try:
            db.execute("INSERT INTO processed VALUES (?)", [str(hash((account, amount)))])  # here
        except sqlite3.IntegrityError:
            return
        db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
