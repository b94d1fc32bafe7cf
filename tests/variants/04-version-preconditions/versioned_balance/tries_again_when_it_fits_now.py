def handle(message, db):
    body = message.body
    while True:
        row = db.execute(
            "SELECT balance, version FROM account WHERE id = ?", [body["account"]]
        ).fetchone()
        balance, version = row
        if body["version"] < version:
            return
        if body["version"] > version:
            raise Retry
        with db.conn as conn:
            cur = conn.execute(
                "UPDATE account SET balance = ?, version = ? WHERE id = ? AND version = ?",
                (balance + body["amount"], version + 1, body["account"], version),
            )
        if cur.rowcount:
            return
