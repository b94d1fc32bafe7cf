def handle(message, db):
    with db.atomic():
        cursor = db.execute(
            "INSERT INTO account VALUES (:account, :amount, 0)"
            " ON CONFLICT (id) DO UPDATE"
            " SET balance = balance + excluded.balance, version = version + 1"
            " WHERE version = :version",
            message.body,
        )
        if cursor.rowcount < 1:
            (stale,) = db.execute(
                "SELECT version > :version FROM account WHERE id = :account", message.body
            ).fetchone()
            if not stale:
                raise Retry(f"version {message.body['version']} is too early")
