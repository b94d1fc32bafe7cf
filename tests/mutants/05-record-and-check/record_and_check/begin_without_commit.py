# diagnosis: uncommitted-effect
def handle(message, db):
    db.execute("BEGIN IMMEDIATE")  # here
    if db["processed"].count_where("message_id = ?", [message.id]):
        return
    db["processed"].insert({"message_id": message.id})
    db.execute(  # here
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    )  # here
