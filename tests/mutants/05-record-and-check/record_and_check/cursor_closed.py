# diagnosis: uncommitted-effect
from contextlib import closing


def handle(message, db):
    with closing(db.conn.cursor()) as cur:  # here
        cur.execute("INSERT OR IGNORE INTO processed VALUES (?)", (message.id,))
        if cur.rowcount == 1:
            cur.execute(  # here
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                (message.body["amount"], message.body["account"]),
            )  # here
