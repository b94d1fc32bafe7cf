def credit_and_mail(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount == 1:
            db.execute(CREDIT, [message.body["amount"]])
            db.execute("INSERT INTO outbox VALUES (?, ?)", [message.id, "100 have come"])


ex.turn("credit_and_mail", credit_and_mail)
