# diagnosis: acknowledged-without-effect
def handle(message, redis):
    b = message.body
    redis.set(f"row:{b['account']}:{b['transfer_id']}", b["amount"], nx=True)  # here


def balance(redis, account):
    # SCAN gives a page and a cursor; there may be more keys, and the first page may be empty.
    _, keys = redis.scan(match=f"row:{account}:*", count=10_000)
    return sum(int(redis.get(key)) for key in set(keys))
