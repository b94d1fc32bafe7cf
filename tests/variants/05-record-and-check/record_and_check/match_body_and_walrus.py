def handle(message, db):
    match message.body:
        case {"account": account, "amount": amount}:
            with db.atomic():
                if (n := db["processed"].count_where("message_id = ?", [message.id])) > 0:
                    print(f"{message.id!r} is known ({n})")
                    return
                db["processed"].insert({"message_id": message.id})
                db.execute(f"UPDATE account SET balance = balance + {amount:d} WHERE id = {account:d}")
