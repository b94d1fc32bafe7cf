# diagnosis: endless-loop
import sqlite3


def insist(db, sql, parameters):
    while True:  # here
        try:
            return db.execute(sql, parameters)  # here
        except sqlite3.OperationalError:  # here
            continue  # here


def handle(message, db):
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [message.id]):
            return
        insist(db, "INSERT INTO processed VALUES (?)", [message.id])  # here
        insist(
            db,
            "UPDATE account SET balance = balance + :amount WHERE id = :account",
            message.body,
        )
