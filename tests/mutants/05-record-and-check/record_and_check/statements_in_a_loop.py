# diagnosis: check-then-act
def handle(message, db):
    if db["processed"].count_where("message_id = ?", [message.id]):  # here
        return
    work = [
        ("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body),
        ("INSERT INTO processed VALUES (:id)", {"id": message.id}),
    ]
    for sql, parameters in work:
        db.execute(sql, parameters)  # here
