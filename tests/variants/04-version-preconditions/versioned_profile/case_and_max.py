def handle(message, db):
    with db.atomic():
        db.execute(
            "UPDATE customer SET"
            " address = CASE WHEN version < :version THEN :address ELSE address END,"
            " version = max(version, :version)"
            " WHERE id = :customer",
            message.body,
        )
