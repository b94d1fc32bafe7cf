# diagnosis: key-from-delivery
import os


def handle(message, db):
    with db.atomic():
        mark = f"{os.getpid()}:{message.id}"  # here
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [mark]).rowcount:  # here
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
