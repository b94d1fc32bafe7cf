# diagnosis: uncommitted-effect
def handle(message, db):
    body = message.body
    cur = db.conn.cursor()
    cur.execute(  # here
        "UPDATE account SET balance = balance + :amount, version = version + 1"  # here
        " WHERE id = :account AND version = :version",  # here
        body,
    )  # here
    if cur.rowcount == 0:
        cur.execute("SELECT version FROM account WHERE id = :account", body)
        if cur.fetchone()[0] <= body["version"]:
            raise Retry("too early")
