# diagnosis: overrun-lease
def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS lease (id TEXT PRIMARY KEY, taken REAL, finished INT DEFAULT 0)")
    claim = db.execute(  # here
        "INSERT INTO lease (id, taken) VALUES (?, julianday('now')) ON CONFLICT (id) DO UPDATE SET taken = excluded.taken"
        " WHERE finished = 0 AND julianday('now') - lease.taken > 0.01",
        [message.id],
    )
    if claim.rowcount == 0:
        ((finished,),) = db.execute("SELECT finished FROM lease WHERE id = ?", [message.id]).fetchall()
        if finished:
            return
        raise Retry("it is being worked on")
    with db.conn:
        db.conn.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?", [message.body["amount"], message.body["account"]]
        )
        db.conn.execute("UPDATE lease SET finished = 1 WHERE id = ?", [message.id])
