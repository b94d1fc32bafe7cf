def handle(message, db):
    with db.conn:
        db.conn.execute(
            "INSERT OR REPLACE INTO customer (id, address, version)"
            " SELECT id, :address, :version FROM customer"
            " WHERE id = :customer AND version < :version",
            message.body,
        )
