import sqlite3


def schema(db):
    with db.conn:
        db.conn.execute(
            "CREATE TABLE ledger (transfer_id TEXT, account INTEGER, amount INTEGER,"
            " settled INTEGER DEFAULT 0, PRIMARY KEY (transfer_id, account))"
        )
        db.conn.execute("CREATE VIEW due AS SELECT * FROM ledger WHERE settled = 0")


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("0 is no amount")
    with db.conn as conn:
        conn.execute(
            "INSERT OR IGNORE INTO ledger (transfer_id, account, amount)"
            " SELECT :transfer_id, :account, :amount",
            message.body,
        )


def settle(db):
    try:
        with db.conn as conn:
            conn.execute(
                "UPDATE account SET balance = balance + d.amount"
                " FROM (SELECT account, sum(amount) AS amount FROM due GROUP BY account) AS d"
                " WHERE d.account = account.id"
            )
            conn.execute("UPDATE ledger SET settled = 1 WHERE settled = 0")
    except sqlite3.OperationalError:
        return  # another time: settle runs again and again
