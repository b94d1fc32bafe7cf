# diagnosis: key-from-delivery
def handle(message, db):
    match message.attempt:  # here
        case 1:  # here
            with db.conn:
                db.conn.execute(
                    "UPDATE account SET balance = balance + ? WHERE id = ?",
                    (message.body["amount"], message.body["account"]),
                )
        case _:  # here
            print("already done", message.id)  # here
