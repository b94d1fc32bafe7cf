# diagnosis: swallowed-lock-error
import sqlite3


def handle(message, db):
    db.begin()
    seen = db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone()
    for attempt in range(3):  # here
        if seen:
            break
        try:
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
            break
        except sqlite3.OperationalError:  # here
            print("try", attempt, "failed")  # here
    db.commit()
