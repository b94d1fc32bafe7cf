CREDIT = """
INSERT INTO account (id, balance) VALUES (:account, :amount)
ON CONFLICT (id) DO UPDATE SET balance = balance + excluded.balance
"""


def handle(message, db):
    with db.atomic():
        new = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount
        if new == 1:
            db.execute(CREDIT, message.body)
