def handle(message, db):
    conn = db.conn
    conn.isolation_level = None
    conn.execute("BEGIN IMMEDIATE")
    try:
        cur = conn.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message.id,))
        if cur.rowcount:
            conn.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                (message.body["amount"], message.body["account"]),
            )
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
