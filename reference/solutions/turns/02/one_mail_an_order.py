def schema_with_mails(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY)")
    db.execute("CREATE TABLE mails (order_id TEXT PRIMARY KEY)")


def one_mail_each(message, db):
    put(message, db)
    db.execute("INSERT INTO mails VALUES (?) ON CONFLICT DO NOTHING", [message.body["order_id"]])


ex.turn("one_mail_an_order", schema_with_mails, one_mail_each)
