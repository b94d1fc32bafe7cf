from redelivery import Retry


def handle(message, db):
    account = message.body["account"]
    old = db["account"].get(account)["balance"]
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount == 0:
            return
        changed = db.execute(
            "UPDATE account SET balance = ? WHERE id = ? AND balance = ?",
            [old + message.body["amount"], account, old],
        ).rowcount
        if changed == 0:
            raise Retry("the balance has changed")
