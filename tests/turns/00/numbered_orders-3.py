done = set()


def receive_once(number, amount, db):
    if number not in done:
        done.add(number)
        db.execute("UPDATE sales SET total = total + ?", [amount])


ex.turn("numbered_orders", receive_once)
