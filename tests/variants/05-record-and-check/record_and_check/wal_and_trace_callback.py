import logging


def handle(message, db):
    db.enable_wal()
    db.conn.set_trace_callback(logging.debug)
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
    db.conn.set_trace_callback(None)
