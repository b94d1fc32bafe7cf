def handle(message, db):
    body = message.body
    db.execute("BEGIN IMMEDIATE")
    ((stored,),) = db.execute("SELECT version FROM customer WHERE id = ?", [body["customer"]]).fetchall()
    if stored < body["version"]:
        db.execute(
            "UPDATE customer SET address = ?, version = ? WHERE id = ?",
            [body["address"], body["version"], body["customer"]],
        )
    db.commit()
