# diagnosis: check-then-act
import threading

LOCK = threading.Lock()


def handle(message, db):
    with LOCK:  # here
        if db["processed"].count_where("message_id = ?", [message.id]):  # here
            return
        with db.atomic():
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
            db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])  # here
