def handle(message, db):
    with db.conn as conn:
        cur = conn.executemany("INSERT OR IGNORE INTO processed VALUES (?)", [(message.id,)])
        if cur.rowcount > 0:
            conn.executemany(
                "UPDATE account SET balance = balance + :amount WHERE id = :account",
                [message.body],
            )
