def make_handler(mark_sql, effect_sql):
    def handle(message, db):
        with db.atomic():
            if db.execute(mark_sql, {"id": message.id}).rowcount:
                db.execute(effect_sql, message.body)

    return handle


handle = make_handler(
    mark_sql="INSERT INTO processed VALUES (:id) ON CONFLICT DO NOTHING",
    effect_sql="UPDATE account SET balance = balance + :amount WHERE id = :account",
)
