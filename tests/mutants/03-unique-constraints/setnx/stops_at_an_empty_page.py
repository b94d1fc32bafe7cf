# diagnosis: wrong-effect
def handle(message, redis):
    b = message.body
    redis.hsetnx(f"ledger:{b['account']}", b["transfer_id"], b["amount"])


def balance(redis, account):
    rows, cursor = {}, 0
    while True:
        cursor, page = redis.hscan(f"ledger:{account}", cursor)  # here
        rows.update(page)
        if cursor == 0 or not page:
            return sum(map(int, rows.values()))
