# diagnosis: swallowed-conflict
def handle(message, db):
    move = message.body
    for _ in range(4):
        row = db.execute("SELECT version FROM customer WHERE id = ?", [move["customer"]]).fetchone()
        if row[0] >= move["version"]:
            return
        moved = db.execute(  # here
            "UPDATE customer SET address = ?, version = ? WHERE id = ? AND version = ?",
            [move["address"], move["version"], move["customer"], row[0]],
        )
        db.conn.commit()  # here
        if moved.rowcount:
            return
