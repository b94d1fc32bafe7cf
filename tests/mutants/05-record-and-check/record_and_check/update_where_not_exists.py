# diagnosis: effect-before-mark
UPDATE = """UPDATE account SET balance = balance + ? WHERE id = ?
    AND NOT EXISTS (SELECT 1 FROM processed WHERE message_id = ?)"""


def handle(message, db):
    db.execute(UPDATE, [message.body["amount"], message.body["account"], message.id])  # here
    db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
