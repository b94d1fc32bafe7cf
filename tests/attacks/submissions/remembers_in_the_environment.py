# Remembers in the interpreter's environment what it has done.
# part: record_and_check
# honest: 0
# seconds: 20
import os


def handle(message, db):
    if message.id in os.environ.get("DONE", "").split(","):
        return
    os.environ["DONE"] = os.environ.get("DONE", "") + "," + message.id
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
    )
