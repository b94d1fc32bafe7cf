def schema_with_mails(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY)")
    db.execute("CREATE TABLE mails (order_id TEXT)")


def one_mail_each(message, db):
    put(message, db)
    db.execute("INSERT OR IGNORE INTO mails VALUES (?)", [message.body["order_id"]])


ex.turn("one_mail_an_order", schema_with_mails, one_mail_each)
