from collections import Counter

statistics = Counter()


def handle(message, db):
    statistics["received"] += 1
    with db.atomic():
        new = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount == 1
        statistics["new" if new else "duplicate"] += 1
        if new:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
