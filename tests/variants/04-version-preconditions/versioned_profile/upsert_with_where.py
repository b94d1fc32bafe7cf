def handle(message, db):
    db.execute(
        """
        INSERT INTO customer (id, address, version) VALUES (:customer, :address, :version)
        ON CONFLICT (id) DO UPDATE SET address = excluded.address, version = excluded.version
        WHERE excluded.version > customer.version
        """,
        message.body,
    )
