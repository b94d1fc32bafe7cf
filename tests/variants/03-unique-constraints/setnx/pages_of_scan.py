def handle(message, redis):
    b = message.body
    redis.set(f"row:{b['account']}:{b['transfer_id']}", b["amount"], nx=True)


def balance(redis, account):
    names, cursor = set(), None
    while cursor != 0:
        cursor, page = redis.scan(cursor or 0, match=f"row:{account}:*")
        names.update(page)
    return sum(int(redis.get(name)) for name in names)
