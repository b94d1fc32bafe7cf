# diagnosis: key-from-payload
def handle(message, db):
    account, amount = message.body["account"], message.body["amount"]  # here
    with db.atomic():
        if db["processed"].count_where("message_id = ?", [str(account)]):  # here
            return
        db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
        db["processed"].insert({"message_id": str(account)})  # here
