def handle(message, db):
    with db.atomic():
        match db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            case 1:
                db.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    [message.body["amount"], message.body["account"]],
                )
            case 0:
                print("duplicate", message.id)
            case other:
                raise AssertionError(other)
