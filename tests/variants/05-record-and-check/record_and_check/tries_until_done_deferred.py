import sqlite3


def handle(message, db):
    done = False
    while not done:
        try:
            with db.atomic():
                if not db["processed"].count_where("message_id = ?", [message.id]):
                    db["processed"].insert({"message_id": message.id})
                    db.execute(
                        "UPDATE account SET balance = balance + ? WHERE id = ?",
                        [message.body["amount"], message.body["account"]],
                    )
            done = True
        except sqlite3.OperationalError:
            continue
