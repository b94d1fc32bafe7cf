# diagnosis: ignored-count
def handle(message, db):
    with db.atomic():
        cur = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])  # here
        # An ignored insert leaves the row number of the connection's last insert, from the delivery before.
        if cur.lastrowid:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
