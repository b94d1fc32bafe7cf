import logging
import os
import socket
import uuid

WORKER = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4()}"


def pay(order_id, amount, db, send):
    logging.info("%s pays %s", WORKER, order_id)
    db.execute("INSERT OR IGNORE INTO intent VALUES (?, ?)", [order_id, f"{uuid.uuid4()} made by {WORKER}"])
    key = db.execute("SELECT key FROM intent WHERE order_id = ?", [order_id]).fetchone()[0]
    send(key, order_id, amount)
