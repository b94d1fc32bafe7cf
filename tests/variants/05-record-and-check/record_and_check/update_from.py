def handle(message, db):
    db.conn.execute("BEGIN IMMEDIATE")
    with db.conn:
        db.conn.execute("""WITH incoming(id, account, amount) AS (VALUES (?, ?, ?))
            UPDATE account SET balance = account.balance + incoming.amount FROM incoming
            WHERE account.id = incoming.account AND incoming.id NOT IN (SELECT message_id FROM processed)""",
            [message.id, message.body["account"], message.body["amount"]])
        db.conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
