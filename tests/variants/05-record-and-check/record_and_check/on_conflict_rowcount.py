CLAIM = "INSERT INTO processed (message_id) VALUES (:id) ON CONFLICT (message_id) DO NOTHING"
CREDIT = "UPDATE account SET balance = balance + :amount WHERE id = :account"


def handle(message, db):
    with db.conn as conn:
        if conn.execute(CLAIM, {"id": message.id}).rowcount == 1:
            conn.execute(CREDIT, message.body)
