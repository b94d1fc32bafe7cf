def log_stays_clean(message, db):
    with db.atomic():
        if not db.execute(CHECK, [message.id]).fetchone():
            db.execute(CREDIT, [message.body["amount"]])
            db.execute(MARK, [message.id])


ex.turn("say_not_now", log_stays_clean)
